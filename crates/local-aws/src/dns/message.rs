//! A DNS question and its answer, as bytes in and bytes out.
//!
//! Source: RFC 1035 for the messages, RFC 2308 for answers that say that there is nothing, RFC 6891 for
//! EDNS, RFC 7766 for TCP.

use simple_dns::{
    CLASS, Name, OPCODE, Packet, PacketFlag, QCLASS, QTYPE, RCODE, ResourceRecord, TYPE,
    rdata::{CNAME, NS, OPT, RData, SOA, SRV},
};

use crate::cloud_map::records::{Data, Found, Record};

/// The largest answer by UDP to a client that says nothing of sizes.
const PLAIN: usize = 512;

/// The largest answer by UDP, so that no packet has to be cut into pieces: what DNS flag day 2020 settled.
const LARGEST: u16 = 1_232;

/// How many aliases are followed from one name to the next.
const ALIASES: usize = 8;

/// How a message came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Udp,
    Tcp,
}

/// What is known of a name; `None` where it lies in no zone.
type LookUp<'a> = &'a dyn Fn(&str) -> Option<Found>;

/// Answers a message; `None` for what gets no answer.
pub(super) fn answer(message: &[u8], transport: Transport, look_up: LookUp<'_>) -> Option<Vec<u8>> {
    let Ok(query) = Packet::parse(message) else { return malformed(message) };
    if query.has_flags(PacketFlag::RESPONSE) {
        return None;
    }
    let mut reply = Packet::new_reply(query.id());
    *reply.opcode_mut() = query.opcode();
    reply.questions.clone_from(&query.questions);
    for flag in [PacketFlag::RECURSION_DESIRED, PacketFlag::CHECKING_DISABLED] {
        if query.has_flags(flag) {
            reply.set_flags(flag);
        }
    }
    let mut limit = PLAIN;
    if let Some(opt) = query.opt() {
        limit = usize::from(opt.udp_packet_size.clamp(512, LARGEST));
        *reply.opt_mut() = Some(OPT { opt_codes: Vec::new(), udp_packet_size: LARGEST, version: 0 });
    }
    let says = match asked(&query) {
        Ok((name, kind)) => Says::of(&name, kind, look_up),
        Err(code) => Says { code, ..Says::default() },
    };
    says.write_into(&mut reply);
    let bytes = reply.build_bytes_vec_compressed().ok()?;
    if transport == Transport::Tcp || bytes.len() <= limit {
        return Some(bytes);
    }
    // What was not asked for goes first; without it the answer may be whole.
    reply.additional_records.clear();
    let bytes = reply.build_bytes_vec_compressed().ok()?;
    if bytes.len() <= limit {
        return Some(bytes);
    }
    reply.answers.clear();
    reply.name_servers.clear();
    reply.set_flags(PacketFlag::TRUNCATION);
    reply.build_bytes_vec_compressed().ok()
}

/// The answer to what is no message, where it has a header at least and is no answer itself.
fn malformed(message: &[u8]) -> Option<Vec<u8>> {
    let [first, second, flags, ..] = *message.get(..12)? else { return None };
    if flags & 0x80 != 0 {
        return None;
    }
    let mut reply = Packet::new_reply(u16::from_be_bytes([first, second]));
    *reply.opcode_mut() = OPCODE::from(u16::from(flags >> 3 & 0x0f));
    *reply.rcode_mut() = RCODE::FormatError;
    reply.build_bytes_vec().ok()
}

/// The name and type that a query asks for, or why it gets nothing.
fn asked(query: &Packet<'_>) -> Result<(String, QTYPE), RCODE> {
    if query.opcode() != OPCODE::StandardQuery {
        return Err(RCODE::NotImplemented);
    }
    // A second OPT is a format error, and stays behind among these.
    let has_opt = query.additional_records.iter().any(|record| record.rdata.type_code() == TYPE::OPT);
    let [question] = query.questions.as_slice() else { return Err(RCODE::FormatError) };
    if has_opt {
        return Err(RCODE::FormatError);
    }
    if query.opt().is_some_and(|opt| opt.version > 0) {
        return Err(RCODE::BADVERS);
    }
    let is_served = matches!(question.qclass, QCLASS::CLASS(CLASS::IN) | QCLASS::ANY)
        && matches!(question.qtype, QTYPE::TYPE(_) | QTYPE::ANY);
    if is_served { Ok((question.qname.to_string(), question.qtype)) } else { Err(RCODE::Refused) }
}

/// What an answer says.
struct Says {
    code: RCODE,
    is_ours: bool,
    answers: Vec<Record>,
    authority: Option<Record>,
    additional: Vec<Record>,
}

impl Default for Says {
    fn default() -> Self {
        let (answers, additional) = (Vec::new(), Vec::new());
        Self { code: RCODE::NoError, is_ours: false, answers, authority: None, additional }
    }
}

impl Says {
    fn of(name: &str, kind: QTYPE, look_up: LookUp<'_>) -> Self {
        let mut says = Self::default();
        let Some(mut found) = look_up(name) else {
            return Self { code: RCODE::Refused, ..says };
        };
        says.is_ours = true;
        for _ in 0..ALIASES {
            let wanted: Vec<Record> =
                found.records.iter().filter(|record| is_of(&record.data, kind)).cloned().collect();
            if !wanted.is_empty() {
                says.answers.extend(wanted);
                if kind == QTYPE::TYPE(TYPE::SRV) {
                    says.additional = found.additional;
                }
                return says;
            }
            let alias = found.records.iter().find_map(|record| match &record.data {
                Data::Cname(target) => Some((record.clone(), target.clone())),
                _ => None,
            });
            let Some((record, target)) = alias else {
                // RFC 2308: the SOA's time to live is how long a resolver remembers this.
                says.code = if found.exists { RCODE::NoError } else { RCODE::NameError };
                says.authority = found.soa;
                return says;
            };
            says.answers.push(record);
            // What lies in no zone of ours is for the client's resolver to look up.
            let Some(next) = look_up(&target) else { return says };
            found = next;
        }
        says
    }

    fn write_into(&self, reply: &mut Packet<'_>) {
        *reply.rcode_mut() = self.code;
        if self.is_ours {
            reply.set_flags(PacketFlag::AUTHORITATIVE_ANSWER);
        }
        let asked = reply.questions.first().map(|question| question.qname.clone().into_owned());
        // A resolver may hold the answer's name against its own spelling of it.
        let written = |record: &Record| {
            let mut written = to_wire(record)?;
            if let Some(asked) = asked.as_ref().filter(|asked| **asked == written.name) {
                written.name = asked.clone();
            }
            Some(written)
        };
        reply.answers = self.answers.iter().filter_map(written).collect();
        reply.name_servers = self.authority.iter().filter_map(written).collect();
        reply.additional_records = self.additional.iter().filter_map(written).collect();
    }
}

fn is_of(data: &Data, kind: QTYPE) -> bool {
    let own = match data {
        Data::A(_) => TYPE::A,
        Data::Aaaa(_) => TYPE::AAAA,
        Data::Cname(_) => TYPE::CNAME,
        Data::Srv { .. } => TYPE::SRV,
        Data::Soa(_) => TYPE::SOA,
        Data::Ns(_) => TYPE::NS,
    };
    kind == QTYPE::ANY || kind == QTYPE::TYPE(own)
}

/// `None` for a name that DNS cannot have, such as one with a label of 64 letters.
fn to_wire(record: &Record) -> Option<ResourceRecord<'static>> {
    let name = |text: &str| Name::new(text).map(Name::into_owned).ok();
    let data = match &record.data {
        Data::A(address) => RData::A((*address).into()),
        Data::Aaaa(address) => RData::AAAA((*address).into()),
        Data::Cname(target) => RData::CNAME(CNAME(name(target)?)),
        Data::Srv { port, target } => {
            // Priority and weight are fixed. Source:
            // https://docs.aws.amazon.com/cloud-map/latest/api/API_DnsRecord.html
            RData::SRV(SRV { priority: 1, weight: 1, port: *port, target: name(target)? })
        }
        // Route 53's numbers for a new zone. Source: Route 53 developer guide, the SOA record.
        Data::Soa(minimum) => RData::SOA(SOA {
            mname: name("localhost")?,
            rname: name("hostmaster.localhost")?,
            serial: 1,
            refresh: 7_200,
            retry: 900,
            expire: 1_209_600,
            minimum: *minimum,
        }),
        Data::Ns(server) => RData::NS(NS(name(server)?)),
    };
    Some(ResourceRecord::new(name(&record.name)?, CLASS::IN, record.ttl, data))
}

#[cfg(test)]
mod tests;
