//! URIs, values of headers, and who is not to be named.

use super::*;

#[test]
fn tel_uris_are_read_with_their_parameters() {
    all_read(
        Us,
        &[
            "tel:+12125550100",
            "TEL:+1-212-555-0100",
            "tel:+1(212)555.0100;ext=5;isub=123",
            "tel:2125550100;phone-context=+1",
            "tel:555-0100;phone-context=+1-212",
            "tel:12125550100;Phone-Context=+1",
            "tel:2125550100;phone-context=gw.example.com",
            "tel:+12125550100;phone-context=+44",
            "tel:0012125550100;phone-context=+44",
            "tel:+12125550100;cpc=payphone;npdi;rn=+12125550000",
            "tel:%2B12125550100",
            "<tel:+12125550100>",
        ],
    );
    all_read(
        NotUs,
        &[
            "tel:+44-20-7946-0018;ext=12",
            "tel:2079460018;phone-context=+44",
            "tel:13800138000;phone-context=+86",
            "tel:18612345678;phone-context=+86",
            "tel:7946-0018;phone-context=+4420",
            "tel:4165550300;phone-context=+1",
            "tel:5550300;phone-context=+1416",
            "tel:+442079460018;phone-context=+1",
            "tel:011442079460018;phone-context=+1",
            "tel:2079460018;isub=1;phone-context=\"+44\"",
        ],
    );
    all_read(
        Unreadable,
        &[
            "tel:",
            "tel:7042;phone-context=example.com",
            "tel:5550100",
            "tel:5550100;phone-context=+1",
            "tel:;phone-context=+44",
            "tel:alice;phone-context=+44",
            "tel:2079460018;phone-context=+",
            "tel:2079460018;phone-context=+999",
        ],
    );
}

#[test]
fn sip_uris_are_read_with_their_parameters() {
    all_read(
        Us,
        &[
            "sip:+12125550100@192.0.2.7",
            "sip:+12125550100@192.0.2.7:5060;user=phone;transport=udp",
            "sips:2125550100@gw.example.com;user=phone",
            "SIP:12125550100@gw",
            "sip:+1-212-555-0100@gw",
            "sip:%2B12125550100@gw",
            "sip:+1212555%30100@gw",
            "sip:+12125550100;npdi;rn=+12125550000;cpc=ordinary@gw;user=phone",
            "sip:2125550100;phone-context=+1@gw",
            "sip:2125550100;phone-context=ims.example.com@gw",
            "sip:+12125550100:secret@gw",
            "sip:+12125550100;oli=0:secret@gw?Subject=a@b",
            "sip:+12125550100%3Bext=5@gw",
            "sip:0012125550100@gw",
            "sip:+12125550100",
            "sip:2125550100;user=phone",
            "+12125550100@gw.example.com",
            "sip:+12125550100@anonymous.invalid",
        ],
    );
    all_read(
        NotUs,
        &[
            "sip:+442079460018@gw.example.com;user=phone",
            "sip:442079460018@gw",
            "sip:2079460018;phone-context=+44@gw",
            "sip:+8613800138000@gw",
            "sip:011442079460018@gw",
            "sip:4165550300@gw",
            "442079460018@gw",
        ],
    );
    all_read(
        Unreadable,
        &[
            "sip:alice@example.com",
            "sip:1001@pbx",
            "sip:@gw",
            "sip:",
            "sip:gw.example.com",
            "sip:192.0.2.7",
            "sip:212.55.50.100",
            "sip:44.207.94.60:5060",
            "sip:+@gw",
            "sip:2125550100%FF@gw",
            "urn:service:sos",
            "mailto:2125550100@example.com",
            "http://2125550100/",
            "sip:asterisk@203.0.113.5",
        ],
    );
}

#[test]
fn values_of_headers_are_read() {
    all_read(
        Us,
        &[
            "\"Fern, Inc.\" <sip:+12125550100@gw>;tag=x",
            "Fern <sip:+12125550100@gw>",
            "<sip:+12125550100@gw;user=phone>;tag=1;x=\"a,b\"",
            "\"+44 20 7946 0018\" <sip:+12125550100@gw>",
            "\"a \\\" <sip:+442079460018@b>\" <sip:+12125550100@gw>",
            "sip:+12125550100@gw;tag=x",
            "From: \"Fern\" <sip:+12125550100@gw>",
            "P-Asserted-Identity: <tel:+12125550100>",
            "\"Fern\" <2125550100>",
            "\"2125550100\"",
            "\"Fern\" <sip:+12125550100@gw>;party=calling;screen=yes;privacy=full",
            // Several: a US number among them counts.
            "\"Fern\" <sip:+12125550100@gw>, <tel:+12125550100>",
            "<sip:+442079460018@gw>,<tel:+12125550100>",
            "<sip:alice@example.com>, <tel:+12125550100>",
            "sip:+442079460018@gw, tel:+12125550100",
            "\"Anonymous\" <sip:+12125550100@gw>",
        ],
    );
    all_read(
        NotUs,
        &[
            "\"Fern, Ltd\" <sip:+442079460018@gw;user=phone>;tag=x",
            "<sip:alice@example.com>, <tel:+442079460018>",
            "\"+1 212 555 0100\" <sip:+442079460018@gw>",
            "\"Fern\" <sip:+442079460018@gw",
            "<sip:anonymous@anonymous.invalid>, <tel:+442079460018>",
        ],
    );
    all_read(
        Unreadable,
        &[
            "\"Fern\" <sip:alice@example.com>",
            "\"Fern",
            "<>",
            "\"+12125550100\" <>",
            "<sip:+442079460018@gw><sip:+12125550100@gw>",
            ",",
            "<",
        ],
    );
}

#[test]
fn who_is_not_to_be_named_is_told_from_what_cannot_be_read_and_from_nothing() {
    all_read(
        Withheld,
        &[
            "anonymous",
            "Anonymous",
            " ANONYMOUS ",
            "Restricted",
            "unavailable",
            "Unknown",
            "<unknown>",
            "Private Number",
            "No Caller ID",
            "out-of-area",
            "sip:anonymous@anonymous.invalid",
            "\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=x",
            "sip:thisis@anonymous.invalid:5060",
            "\"Anonymous\" <sip:c8oqz84zk7z@privacy.example>",
            "sip:Restricted@gw",
            "tel:anonymous",
            "sip:unavailable@unknown.invalid",
            "266696687",
            "86282452253",
        ],
    );
    all_read(Absent, &["", " ", "\u{A0}\u{200B}", "<null>", "(null)", "null", "None", "N/A", "sip:null@gw"]);
}

#[test]
fn what_is_longer_than_any_header_is_not_read() {
    let longest = format!("\"{}\" <sip:+442079460018@gw>", "n".repeat(LONGEST - 30));
    assert!(longest.len() <= LONGEST);
    assert_eq!(read(&longest), NotUs);
    assert_eq!(read(&format!("\"{}\" <sip:+442079460018@gw>", "n".repeat(LONGEST))), Unreadable);
    assert_eq!(read(&"9".repeat(1000)), Unreadable);
    assert_eq!(read(&"9".repeat(100_000)), Unreadable);
    assert_eq!(read(&"<".repeat(1000)), Unreadable);
    assert_eq!(read(&",".repeat(1000)), Unreadable);
}
