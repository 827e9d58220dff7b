//! What a fleet asks of etcd, at real members that are killed, fall silent and are full.

use std::time::Duration;

use rmdd::fleet::engine::{Engine, EngineError, Expect, LeaseId, Member, Pair, Read, Write};
use rmdd_testkit::etcd::{Etcd, Setup};
use tonic::transport::Endpoint;

use crate::common::eventually;

/// Shorter than in service, so that a silent member is passed over soon; long for a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(2);

fn engine(etcd: &Etcd) -> Engine {
    let member = |url: String| Member {
        channel: Endpoint::from_shared(url.clone()).expect("an address").connect_lazy(),
        address: url,
    };
    Engine::new(etcd.urls().into_iter().map(member).collect(), PATIENCE)
}

fn key(name: &str) -> String {
    format!("/rmdd/test/{name}")
}

fn put(name: &str, value: &str) -> Write {
    Write::Put(key(name), value.as_bytes().to_vec(), None)
}

async fn value(engine: &Engine, name: &str) -> Option<String> {
    let found = engine.read(&[Read::Key(key(name))]).await.expect("read");
    let pair = found.pairs.into_iter().flatten().next()?;
    Some(String::from_utf8(pair.value).expect("text"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_is_done_where_all_that_it_expects_holds_and_not_otherwise() {
    let directory = tempfile::tempdir().expect("a directory");
    let Some(etcd) = Etcd::start(directory.path(), Setup::default()).await else { return };
    let engine = engine(&etcd);
    let first = [Expect::Nothing(key("head"))];
    assert!(engine.write(&first, &[put("head", "1"), put("log/1", "one")]).await.expect("written"));
    assert!(!engine.write(&first, &[put("head", "2")]).await.expect("answered"), "something stands there");
    let second = [Expect::Value(key("head"), b"1".to_vec()), Expect::Nothing(key("log/2"))];
    assert!(engine.write(&second, &[put("head", "2"), put("log/2", "two")]).await.expect("written"));
    assert!(!engine.write(&second, &[put("head", "3")]).await.expect("answered"));

    let log = Read::Range { from: key("log/"), below: key("log0"), most: 0 };
    let found = engine.read(&[Read::Key(key("head")), log, Read::Key(key("none"))]).await.expect("read");
    let texts = |pairs: &[Pair]| {
        pairs.iter().map(|pair| String::from_utf8(pair.value.clone()).expect("text")).collect::<Vec<_>>()
    };
    assert_eq!(
        found.pairs.iter().map(|pairs| texts(pairs)).collect::<Vec<_>>(),
        [vec!["2".to_owned()], vec!["one".to_owned(), "two".to_owned()], vec![]]
    );
    assert!(engine.write(&[], &[Write::DeleteRange(key("log/"), key("log0"))]).await.expect("written"));
    let later = engine.read(&[Read::Key(key("log/1"))]).await.expect("read");
    assert_eq!((later.cluster, later.pairs), (found.cluster, vec![vec![]]));
    assert!(later.revision > found.revision);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_of_three_members_go_on_when_one_is_killed_or_falls_silent_and_one_alone_says_that_it_cannot() {
    let directory = tempfile::tempdir().expect("a directory");
    let Some(mut etcd) = Etcd::start(directory.path(), Setup::default()).await else { return };
    let engine = engine(&etcd);
    assert!(engine.write(&[], &[put("a", "1")]).await.expect("written"));
    for place in 0..etcd.count() {
        etcd.pause(place);
        // Whoever leads may be the silent one: another is chosen meanwhile.
        eventually("a member answers", || async { engine.read(&[Read::Key(key("a"))]).await.ok() }).await;
        etcd.resume(place);
    }
    for place in 0..etcd.count() {
        etcd.kill(place);
        eventually("a member answers", || async { engine.read(&[Read::Key(key("a"))]).await.ok() }).await;
        etcd.start_again(place);
        assert!(etcd.answers_at(place).await);
    }
    etcd.kill(0);
    etcd.kill(1);
    let error = engine.read(&[Read::Key(key("a"))]).await.expect_err("no majority");
    assert!(matches!(error, EngineError::CutOff { .. }), "{error}");
    let error = engine.write(&[], &[put("a", "2")]).await.expect_err("no majority");
    assert!(matches!(error, EngineError::CutOff { .. } | EngineError::Unknown { .. }), "{error}");
    etcd.start_all_again().await;
    let read = eventually("it answers again", || async {
        let read = engine.read(&[Read::Key(key("a"))]).await.ok()?;
        read.pairs.into_iter().flatten().next()
    });
    // What was not answered may have been done.
    assert!([b"1", b"2"].contains(&&read.await.value[..].try_into().expect("one letter")));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_was_written_where_no_member_is_reached() {
    let nobody = Member {
        address: "http://127.0.0.1:9".to_owned(),
        channel: Endpoint::from_static("http://127.0.0.1:9").connect_lazy(),
    };
    let engine = Engine::new(vec![nobody], PATIENCE);
    let error = engine.write(&[], &[put("a", "1")]).await.expect_err("nobody is there");
    assert!(matches!(&error, EngineError::CutOff { detail } if detail.contains("127.0.0.1:9")), "{error}");
    let status = engine.status().await;
    assert!(status[0].1.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_under_a_lease_goes_with_its_holder_and_a_lease_that_is_gone_is_told() {
    let directory = tempfile::tempdir().expect("a directory");
    let Some(etcd) = Etcd::start(directory.path(), Setup { members: Some(1), ..Setup::default() }).await else {
        return;
    };
    let engine = engine(&etcd);
    let held = engine.lease(Duration::from_secs(60)).await.expect("granted");
    let left = engine.lease(Duration::from_secs(1)).await.expect("granted");
    let under = |name: &str, lease: LeaseId| Write::Put(key(name), b"x".to_vec(), Some(lease));
    assert!(engine.write(&[], &[under("held", held.id), under("left", left.id)]).await.expect("written"));
    engine.keep_alive(held.id).await.expect("it lives");
    eventually("the lease ends", || async { value(&engine, "left").await.is_none().then_some(()) }).await;
    assert!(matches!(engine.keep_alive(left.id).await, Err(EngineError::LeaseGone)));
    let refused = engine.write(&[], &[under("left", left.id)]).await;
    assert!(matches!(refused, Err(EngineError::LeaseGone)), "{refused:?}");
    assert!(value(&engine, "held").await.is_some());
    engine.revoke(held.id).await.expect("revoked");
    engine.revoke(held.id).await.expect("it is gone already");
    assert_eq!(value(&engine, "held").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_or_comes_to_a_full_etcd_is_refused_and_reading_goes_on() {
    let directory = tempfile::tempdir().expect("a directory");
    let setup = Setup { members: Some(1), quota_bytes: Some(4 << 20) };
    let Some(etcd) = Etcd::start(directory.path(), setup).await else { return };
    let engine = engine(&etcd);
    let large = |bytes: usize| Write::Put(key("large"), vec![b'x'; bytes], None);
    let error = engine.write(&[], &[large(2 << 20)]).await.expect_err("too large");
    assert!(matches!(error, EngineError::Refused { .. }), "{error}");
    let full = eventually("it is full", || async { engine.write(&[], &[large(1 << 20)]).await.err() }).await;
    assert!(matches!(&full, EngineError::Refused { detail } if detail.contains("space exceeded")), "{full}");
    assert!(engine.read(&[Read::Key(key("large"))]).await.is_ok());
    assert!(engine.write(&[], &[Write::Delete(key("large"))]).await.expect("deleted"));
    let status = engine.status().await.remove(0).1.expect("it answers");
    assert!(status.has_leader && status.errors.iter().any(|error| error.contains("NOSPACE")), "{status:?}");
}
