use std::net::Ipv4Addr;

use simple_dns::Question;

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

fn query(name: &str, kind: TYPE) -> Packet<'_> {
    let mut query = Packet::new_query(7);
    query.set_flags(PacketFlag::RECURSION_DESIRED);
    query.questions.push(Question::new(Name::new_unchecked(name), kind.into(), CLASS::IN.into(), false));
    query
}

fn with_opt(mut query: Packet<'_>, size: u16, version: u8) -> Packet<'_> {
    *query.opt_mut() = Some(OPT { opt_codes: Vec::new(), udp_packet_size: size, version });
    query
}

fn ask(query: &Packet<'_>, transport: Transport) -> (Vec<u8>, RCODE, bool) {
    let bytes = answer(&query.build_bytes_vec().unwrap(), transport, &look_up).unwrap();
    let reply = Packet::parse(&bytes).unwrap();
    assert_eq!((reply.id(), reply.has_flags(PacketFlag::RESPONSE)), (7, true));
    let (code, truncated) = (reply.rcode(), reply.has_flags(PacketFlag::TRUNCATION));
    (bytes, code, truncated)
}

fn answers(bytes: &[u8]) -> Vec<String> {
    let reply = Packet::parse(bytes).unwrap();
    let show = |record: &ResourceRecord<'_>| match &record.rdata {
        RData::A(address) => Ipv4Addr::from(address.address).to_string(),
        RData::CNAME(CNAME(target)) => target.to_string(),
        RData::SRV(srv) => format!("{} {} {} {}", srv.priority, srv.weight, srv.port, srv.target),
        other => format!("{other:?}"),
    };
    reply.answers.iter().map(show).collect()
}

#[test]
fn addresses_are_answered_in_the_questions_own_spelling_with_authority() {
    let (bytes, code, _) = ask(&query("WeB.example.internal", TYPE::A), Transport::Udp);
    assert_eq!((code, answers(&bytes)), (RCODE::NoError, vec!["192.0.2.1".into(), "192.0.2.2".into()]));
    let reply = Packet::parse(&bytes).unwrap();
    assert!(reply.has_flags(PacketFlag::AUTHORITATIVE_ANSWER | PacketFlag::RECURSION_DESIRED));
    assert!(!reply.has_flags(PacketFlag::RECURSION_AVAILABLE));
    assert_eq!(reply.answers[0].name.to_string(), "WeB.example.internal");
    assert_eq!((reply.answers[0].ttl, reply.opt()), (10, None));
}

#[test]
fn no_such_name_and_no_such_type_are_two_answers_and_both_say_how_long() {
    for (name, kind, expected) in [
        ("none.example.internal", TYPE::A, RCODE::NameError),
        ("web.example.internal", TYPE::AAAA, RCODE::NoError),
        ("web.example.internal", TYPE::HTTPS, RCODE::NoError),
    ] {
        let (bytes, code, _) = ask(&query(name, kind), Transport::Udp);
        assert_eq!((code, answers(&bytes).len()), (expected, 0), "{name} {kind:?}");
        let reply = Packet::parse(&bytes).unwrap();
        let RData::SOA(soa) = &reply.name_servers[0].rdata else { panic!("{reply:?}") };
        assert_eq!((reply.name_servers[0].ttl, soa.minimum), (15, 15));
    }
}

#[test]
fn what_is_none_of_ours_is_refused_without_authority() {
    let (bytes, code, _) = ask(&query("www.example.com", TYPE::A), Transport::Udp);
    assert_eq!(code, RCODE::Refused);
    assert!(!Packet::parse(&bytes).unwrap().has_flags(PacketFlag::AUTHORITATIVE_ANSWER));
    let mut transfer = query("web.example.internal", TYPE::A);
    transfer.questions[0].qtype = QTYPE::AXFR;
    assert_eq!(ask(&transfer, Transport::Tcp).1, RCODE::Refused);
    let mut chaos = query("web.example.internal", TYPE::A);
    chaos.questions[0].qclass = QCLASS::CLASS(CLASS::CH);
    assert_eq!(ask(&chaos, Transport::Udp).1, RCODE::Refused);
}

#[test]
fn aliases_are_followed_within_the_zones_and_never_for_ever() {
    let (bytes, _, _) = ask(&query("alias.example.internal", TYPE::A), Transport::Udp);
    assert_eq!(answers(&bytes), ["web.example.internal", "192.0.2.1", "192.0.2.2"]);
    let (bytes, code, _) = ask(&query("away.example.internal", TYPE::A), Transport::Udp);
    assert_eq!((code, answers(&bytes)), (RCODE::NoError, vec!["www.example.com".into()]));
    let (bytes, _, _) = ask(&query("alias.example.internal", TYPE::CNAME), Transport::Udp);
    assert_eq!(answers(&bytes), ["web.example.internal"]);
    let (bytes, _, _) = ask(&query("loop.example.internal", TYPE::A), Transport::Udp);
    assert_eq!(answers(&bytes).len(), ALIASES);
}

#[test]
fn an_answer_that_does_not_fit_is_cut_and_tcp_has_it_whole() {
    let (bytes, _, truncated) = ask(&query("many.example.internal", TYPE::A), Transport::Udp);
    assert!(truncated && bytes.len() <= PLAIN && answers(&bytes).is_empty(), "{}", bytes.len());
    let (bytes, _, truncated) =
        ask(&with_opt(query("many.example.internal", TYPE::A), 4_096, 0), Transport::Udp);
    assert!(truncated && Packet::parse(&bytes).unwrap().opt().is_some());
    let (bytes, _, truncated) = ask(&query("many.example.internal", TYPE::A), Transport::Tcp);
    assert_eq!((truncated, answers(&bytes).len()), (false, 100));
}

#[test]
fn what_was_not_asked_for_goes_before_the_answer_is_cut() {
    let (bytes, _, truncated) = ask(&query("srv.example.internal", TYPE::SRV), Transport::Udp);
    assert!(!truncated && bytes.len() <= PLAIN, "{}", bytes.len());
    assert_eq!(answers(&bytes)[0], "1 1 80 host-0.srv.example.internal");
    assert_eq!(Packet::parse(&bytes).unwrap().additional_records.len(), 0);
    let roomy = with_opt(query("srv.example.internal", TYPE::SRV), 1_232, 0);
    let (bytes, _, _) = ask(&roomy, Transport::Udp);
    let reply = Packet::parse(&bytes).unwrap();
    assert_eq!((reply.answers.len(), reply.additional_records.len()), (8, 8));
    assert_eq!(reply.opt().unwrap().udp_packet_size, LARGEST);
}

#[test]
fn edns_of_another_version_is_told_which_one_is_spoken() {
    let (bytes, code, _) = ask(&with_opt(query("web.example.internal", TYPE::A), 1_232, 1), Transport::Udp);
    assert_eq!(code, RCODE::BADVERS);
    assert_eq!(Packet::parse(&bytes).unwrap().opt().unwrap().version, 0);
}

#[test]
fn other_operations_and_malformed_messages_get_an_error_and_answers_get_none() {
    let mut notify = query("web.example.internal", TYPE::A);
    *notify.opcode_mut() = OPCODE::Notify;
    assert_eq!(ask(&notify, Transport::Udp).1, RCODE::NotImplemented);
    assert_eq!(ask(&Packet::new_query(7), Transport::Udp).1, RCODE::FormatError);
    let mut twice = query("web.example.internal", TYPE::A);
    twice.questions.push(twice.questions[0].clone());
    assert_eq!(ask(&twice, Transport::Udp).1, RCODE::FormatError);

    let whole = query("web.example.internal", TYPE::A).build_bytes_vec().unwrap();
    for length in 0..whole.len() {
        let reply = answer(&whole[..length], Transport::Udp, &look_up);
        assert_eq!(reply.is_some(), length >= 12, "{length}");
        if let Some(reply) = reply {
            let reply = Packet::parse(&reply).unwrap();
            assert_eq!((reply.id(), reply.rcode()), (7, RCODE::FormatError));
        }
    }
    let mut is_answer = whole.clone();
    is_answer[2] |= 0x80;
    assert_eq!(answer(&is_answer, Transport::Udp, &look_up), None);
    assert_eq!(answer(&is_answer[..14], Transport::Udp, &look_up), None);
}

#[test]
fn no_bytes_make_it_panic() {
    let mut random = crate::id::Random::seeded(3);
    let whole = with_opt(query("srv.example.internal", TYPE::SRV), 1_232, 0).build_bytes_vec().unwrap();
    for _ in 0..20_000 {
        let mut bytes = whole.clone();
        for _ in 0..random.below(6) {
            let place = usize::try_from(random.below(bytes.len() as u64)).unwrap();
            bytes[place] = u8::try_from(random.below(256)).unwrap();
        }
        answer(&bytes, Transport::Udp, &look_up);
    }
}
