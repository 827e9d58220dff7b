use super::super::{eastern_day, end_of_eastern_day};
use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn notice(issued_at: &str) -> Notice {
    Notice {
        id: "n".to_owned(),
        document: String::new(),
        basis: String::new(),
        issued_at: at(issued_at),
        mitigated: None,
        informed: None,
        notified: None,
        calls: Vec::new(),
    }
}

#[test]
fn the_clocks_of_the_letter_to_twilio_end_on_its_own_days() {
    let letter = notice("2023-01-24T20:15:00Z");
    assert_eq!(letter.mitigate_by(), at("2023-01-26T20:15:00Z"));
    assert_eq!(letter.inform_by(), at("2023-02-07T20:15:00Z"));
    let day_alone = end_of_eastern_day("2023-01-24".parse().expect("a day")).expect("in range");
    assert_eq!(day_alone, at("2023-01-25T04:59:59.999Z"));
    assert_eq!(eastern_day(notice(&day_alone.to_string()).mitigate_by()).to_string(), "2023-01-26");
}

#[test]
fn fourteen_days_are_days_of_the_calendar_though_the_clocks_change() {
    let over_spring = notice("2026-03-01T15:00:00Z");
    assert_eq!(over_spring.inform_by(), at("2026-03-15T14:00:00Z"), "ten in the morning in Washington, both");
}

#[test]
fn a_final_determination_order_binds_from_the_day_that_the_order_itself_names() {
    let order = Order {
        kind: OrderKind::FinalDetermination,
        document: "DA 26-237".to_owned(),
        released: "2026-03-12".parse().expect("a day"),
        notified: None,
    };
    assert_eq!(order.must_block_from(), at("2026-04-11T04:00:00Z"), "midnight in Washington");
    assert_eq!(order.effective_at(), at("2026-03-12T04:00:00Z"));
}

#[test]
fn an_address_is_found_in_any_of_its_writings() {
    let peer = |name: &str| Peer { kind: PeerKind::Ip, name: name.to_owned(), role: None };
    assert_eq!(peer("2001:DB8:0:0::1").key(), peer("2001:db8::1").key());
    assert_eq!(peer("::ffff:192.0.2.7").key(), peer("192.0.2.7").key());
    assert_eq!(peer("[2001:db8::1]").key(), peer("2001:db8::1/128").key());
}

#[test]
fn a_peer_may_be_a_network_and_is_known_by_one_writing() {
    let peer = |name: &str| Peer { kind: PeerKind::Ip, name: name.to_owned(), role: None };
    assert_eq!(peer("2001:DB8:0::/32").key(), peer("2001:db8::/32").key());
    assert_eq!(peer("192.0.2.0/24").network().map(|network| network.prefix_len()), Some(24));
    assert_eq!(peer("192.0.2.7/32").network(), None, "one address is no network");
    assert!(peer("192.0.2.7/24").key().expect_err("refused").contains("the network is 192.0.2.0/24"));
    let trunk = Peer { kind: PeerKind::TrunkGroup, ..peer("192.0.2.0/24") };
    assert_eq!(
        (trunk.network(), trunk.key()),
        (None, peer("192.0.2.0/24").key()),
        "a trunk group is what it is called"
    );
}
