use std::net::Ipv4Addr;

use hickory_proto::op::Query;

use super::*;

fn a(name: &str, last: u8) -> Record {
    Record { name: name.into(), ttl: 10, data: Data::A(Ipv4Addr::new(192, 0, 2, last)) }
}

/// What is known: `web` and `many` with addresses, `alias` for web, `loop` for itself, `srv` with a host.
fn look_up(name: &str) -> Option<Found> {
    let name = name.to_ascii_lowercase();
    let soa = Record { name: "example.internal".into(), ttl: 15, data: Data::Soa(15) };
    let found = |records, additional| Found { records, additional, exists: true, soa: Some(soa.clone()) };
    let alias = |target: &str| Record { name: name.clone(), ttl: 10, data: Data::Cname(target.into()) };
    Some(match name.strip_suffix(".example.internal")? {
        "web" => found(vec![a(&name, 1), a(&name, 2)], vec![]),
        "many" => found((0..100).map(|last| a(&name, last)).collect(), vec![]),
        "alias" => found(vec![alias("web.example.internal")], vec![]),
        "away" => found(vec![alias("www.example.com")], vec![]),
        "loop" => found(vec![alias("loop.example.internal")], vec![]),
        "srv" => {
            let hosts = (0..8).map(|number| format!("host-{number}.srv.example.internal"));
            let record =
                |target: String| Record { name: name.clone(), ttl: 10, data: Data::Srv { port: 80, target } };
            let (records, additional) = hosts.map(|host| (record(host.clone()), a(&host, 1))).unzip();
            found(records, additional)
        }
        _ => Found { exists: false, ..found(vec![], vec![]) },
    })
}

fn query(name: &str, kind: RecordType) -> Message {
    let mut query = Message::new(7, MessageType::Query, OpCode::Query);
    query.metadata.recursion_desired = true;
    query.add_query(Query::query(Name::from_ascii(format!("{name}.")).unwrap(), kind));
    query
}

fn with_opt(mut query: Message, size: u16, version: u8) -> Message {
    let mut edns = Edns::new();
    edns.set_max_payload(size).set_version(version);
    query.edns = Some(edns);
    query
}

fn ask(query: &Message, transport: Transport) -> (Vec<u8>, ResponseCode, bool) {
    let bytes = answer(&query.to_vec().unwrap(), transport, &look_up).unwrap();
    let metadata = read(&bytes).metadata;
    assert_eq!((metadata.id, metadata.message_type), (7, MessageType::Response));
    (bytes, metadata.response_code, metadata.truncation)
}

fn read(bytes: &[u8]) -> Message {
    Message::from_vec(bytes).unwrap()
}

fn answers(bytes: &[u8]) -> Vec<String> {
    read(bytes).answers.iter().map(|record| record.data.to_string()).collect()
}

#[test]
fn addresses_are_answered_in_the_questions_own_spelling_with_authority() {
    let (bytes, code, _) = ask(&query("WeB.example.internal", RecordType::A), Transport::Udp);
    assert_eq!(
        (code, answers(&bytes)),
        (ResponseCode::NoError, vec!["192.0.2.1".into(), "192.0.2.2".into()])
    );
    let reply = read(&bytes);
    let metadata = reply.metadata;
    assert!(metadata.authoritative && metadata.recursion_desired && !metadata.recursion_available);
    assert_eq!(reply.answers[0].name.to_ascii(), "WeB.example.internal.");
    assert_eq!((reply.answers[0].ttl, reply.edns), (10, None));
}

#[test]
fn no_such_name_and_no_such_type_are_two_answers_and_both_say_how_long() {
    for (name, kind, expected) in [
        ("none.example.internal", RecordType::A, ResponseCode::NXDomain),
        ("web.example.internal", RecordType::AAAA, ResponseCode::NoError),
        ("web.example.internal", RecordType::Unknown(65_280), ResponseCode::NoError),
    ] {
        let (bytes, code, _) = ask(&query(name, kind), Transport::Udp);
        assert_eq!((code, answers(&bytes).len()), (expected, 0), "{name} {kind:?}");
        let reply = read(&bytes);
        let RData::SOA(soa) = &reply.authorities[0].data else { panic!("{reply:?}") };
        assert_eq!((reply.authorities[0].ttl, soa.minimum), (15, 15));
    }
}

#[test]
fn what_is_none_of_ours_is_refused_without_authority() {
    let (bytes, code, _) = ask(&query("www.example.com", RecordType::A), Transport::Udp);
    assert_eq!((code, read(&bytes).metadata.authoritative), (ResponseCode::Refused, false));
    let transfer = query("web.example.internal", RecordType::AXFR);
    assert_eq!(ask(&transfer, Transport::Tcp).1, ResponseCode::Refused);
    let mut chaos = query("web.example.internal", RecordType::A);
    chaos.queries[0].set_query_class(DNSClass::CH);
    assert_eq!(ask(&chaos, Transport::Udp).1, ResponseCode::Refused);
}

#[test]
fn aliases_are_followed_within_the_zones_and_never_for_ever() {
    let (bytes, _, _) = ask(&query("alias.example.internal", RecordType::A), Transport::Udp);
    assert_eq!(answers(&bytes), ["web.example.internal.", "192.0.2.1", "192.0.2.2"]);
    let (bytes, code, _) = ask(&query("away.example.internal", RecordType::A), Transport::Udp);
    assert_eq!((code, answers(&bytes)), (ResponseCode::NoError, vec!["www.example.com.".into()]));
    let (bytes, _, _) = ask(&query("alias.example.internal", RecordType::CNAME), Transport::Udp);
    assert_eq!(answers(&bytes), ["web.example.internal."]);
    let (bytes, _, _) = ask(&query("loop.example.internal", RecordType::A), Transport::Udp);
    assert_eq!(answers(&bytes).len(), ALIASES);
}

#[test]
fn an_answer_that_does_not_fit_is_cut_and_tcp_has_it_whole() {
    let many = || query("many.example.internal", RecordType::A);
    let (bytes, _, truncated) = ask(&many(), Transport::Udp);
    assert!(truncated && bytes.len() <= PLAIN && answers(&bytes).is_empty(), "{}", bytes.len());
    let (bytes, _, truncated) = ask(&with_opt(many(), 4_096, 0), Transport::Udp);
    assert!(truncated && read(&bytes).edns.is_some());
    let (bytes, _, truncated) = ask(&many(), Transport::Tcp);
    assert_eq!((truncated, answers(&bytes).len()), (false, 100));
}

#[test]
fn what_was_not_asked_for_goes_before_the_answer_is_cut() {
    let (bytes, _, truncated) = ask(&query("srv.example.internal", RecordType::SRV), Transport::Udp);
    assert!(!truncated && bytes.len() <= PLAIN, "{}", bytes.len());
    assert_eq!(answers(&bytes)[0], "1 1 80 host-0.srv.example.internal.");
    assert_eq!(read(&bytes).additionals.len(), 0);
    let roomy = with_opt(query("srv.example.internal", RecordType::SRV), 1_232, 0);
    let reply = read(&ask(&roomy, Transport::Udp).0);
    assert_eq!((reply.answers.len(), reply.additionals.len()), (8, 8));
    assert_eq!(reply.edns.unwrap().max_payload(), LARGEST);
}

#[test]
fn edns_of_another_version_is_told_which_one_is_spoken_and_dnssec_is_no_version() {
    let plain = query("web.example.internal", RecordType::A);
    let (bytes, code, _) = ask(&with_opt(plain.clone(), 1_232, 1), Transport::Udp);
    // 16 has two names.
    let wanted = (u16::from(ResponseCode::BADVERS), 0);
    assert_eq!((u16::from(code), read(&bytes).edns.unwrap().version()), wanted);
    let mut dnssec = with_opt(plain, 1_232, 0);
    dnssec.edns.as_mut().unwrap().set_dnssec_ok(true);
    assert_eq!(ask(&dnssec, Transport::Udp).1, ResponseCode::NoError);
}

#[test]
fn other_operations_and_malformed_messages_get_an_error_and_answers_get_none() {
    let mut notify = query("web.example.internal", RecordType::A);
    notify.metadata.op_code = OpCode::Notify;
    assert_eq!(ask(&notify, Transport::Udp).1, ResponseCode::NotImp);
    let empty = Message::new(7, MessageType::Query, OpCode::Query);
    assert_eq!(ask(&empty, Transport::Udp).1, ResponseCode::FormErr);
    let mut twice = query("web.example.internal", RecordType::A);
    twice.queries.push(twice.queries[0].clone());
    assert_eq!(ask(&twice, Transport::Udp).1, ResponseCode::FormErr);

    let whole = query("web.example.internal", RecordType::A).to_vec().unwrap();
    for length in 0..whole.len() {
        let reply = answer(&whole[..length], Transport::Udp, &look_up);
        assert_eq!(reply.is_some(), length >= 12, "{length}");
        if let Some(reply) = reply {
            let metadata = read(&reply).metadata;
            assert_eq!((metadata.id, metadata.response_code), (7, ResponseCode::FormErr));
        }
    }
    let mut is_answer = whole;
    is_answer[2] |= 0x80;
    assert_eq!(answer(&is_answer, Transport::Udp, &look_up), None);
    assert_eq!(answer(&is_answer[..14], Transport::Udp, &look_up), None);
}

#[test]
fn no_bytes_make_it_panic() {
    let mut random = crate::id::Random::seeded(3);
    let whole = with_opt(query("srv.example.internal", RecordType::SRV), 1_232, 0).to_vec().unwrap();
    for _ in 0..20_000 {
        let mut bytes = whole.clone();
        for _ in 0..random.below(6) {
            let place = usize::try_from(random.below(bytes.len() as u64)).unwrap();
            bytes[place] = u8::try_from(random.below(256)).unwrap();
        }
        answer(&bytes, Transport::Udp, &look_up);
    }
}
