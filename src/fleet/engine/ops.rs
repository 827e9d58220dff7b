//! What is asked, as etcd's messages say it.

use super::etcd::{self, compare, request_op, response_op};
use super::{Expect, Pair, Read, Write};

pub fn range_op(read: &Read) -> etcd::RequestOp {
    let range = match read {
        Read::Key(key) => etcd::RangeRequest { key: key.clone().into_bytes(), ..Default::default() },
        Read::Range { from, below, most } => etcd::RangeRequest {
            key: from.clone().into_bytes(),
            range_end: below.clone().into_bytes(),
            limit: i64::from(*most),
            ..Default::default()
        },
        Read::Since { from, below, since } => etcd::RangeRequest {
            key: from.clone().into_bytes(),
            range_end: below.clone().into_bytes(),
            min_mod_revision: *since,
            ..Default::default()
        },
    };
    etcd::RequestOp { request: Some(request_op::Request::RequestRange(range)) }
}

pub fn compare_op(expect: &Expect) -> etcd::Compare {
    let (key, target, union) = match expect {
        Expect::Value(key, value) => (key, compare::CompareTarget::Value, compare::TargetUnion::Value(value.clone())),
        // A key that is not there has version 0.
        Expect::Nothing(key) => (key, compare::CompareTarget::Version, compare::TargetUnion::Version(0)),
    };
    etcd::Compare {
        result: compare::CompareResult::Equal.into(),
        target: target.into(),
        key: key.clone().into_bytes(),
        target_union: Some(union),
    }
}

pub fn write_op(write: &Write) -> etcd::RequestOp {
    let request = match write {
        Write::Put(key, value, lease) => request_op::Request::RequestPut(etcd::PutRequest {
            key: key.clone().into_bytes(),
            value: value.clone(),
            lease: lease.map_or(0, |lease| lease.0),
        }),
        Write::Delete(key) => request_op::Request::RequestDeleteRange(etcd::DeleteRangeRequest {
            key: key.clone().into_bytes(),
            range_end: Vec::new(),
        }),
        Write::DeleteRange(from, below) => request_op::Request::RequestDeleteRange(etcd::DeleteRangeRequest {
            key: from.clone().into_bytes(),
            range_end: below.clone().into_bytes(),
        }),
    };
    etcd::RequestOp { request: Some(request) }
}

/// What a read found, and how many pairs there are where it read.
pub fn pairs(response: etcd::ResponseOp) -> (Vec<Pair>, u64) {
    let Some(response_op::Response::ResponseRange(range)) = response.response else { return (Vec::new(), 0) };
    let pair = |kv: etcd::KeyValue| Pair {
        key: String::from_utf8_lossy(&kv.key).into_owned(),
        value: kv.value,
        leased: kv.lease != 0,
    };
    (range.kvs.into_iter().map(pair).collect(), u64::try_from(range.count).unwrap_or_default())
}
