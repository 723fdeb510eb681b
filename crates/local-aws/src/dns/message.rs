//! A DNS question and its answer, as bytes in and bytes out.
//!
//! Source: RFC 1035 for the messages, RFC 2308 for answers that say that there is nothing, RFC 6891 for
//! EDNS, RFC 7766 for TCP.

use hickory_proto::{
    op::{Edns, Message, MessageType, OpCode, ResponseCode},
    rr::{
        DNSClass, Name, RData, Record as WireRecord, RecordType,
        rdata::{CNAME, NS, SOA, SRV},
    },
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
    let Ok(query) = Message::from_vec(message) else { return malformed(message) };
    if query.metadata.message_type == MessageType::Response {
        return None;
    }
    let mut reply = Message::response(query.metadata.id, query.metadata.op_code);
    reply.metadata.recursion_desired = query.metadata.recursion_desired;
    reply.metadata.checking_disabled = query.metadata.checking_disabled;
    reply.queries.clone_from(&query.queries);
    let mut limit = PLAIN;
    if let Some(edns) = &query.edns {
        limit = usize::from(edns.max_payload().clamp(512, LARGEST));
        reply.edns = Some(Edns::new());
        reply.edns.as_mut()?.set_max_payload(LARGEST);
    }
    let says = match asked(&query) {
        Ok((name, kind)) => Says::of(&name, kind, look_up),
        Err(code) => Says { code, ..Says::default() },
    };
    says.write_into(&mut reply);
    let bytes = reply.to_vec().ok()?;
    if transport == Transport::Tcp || bytes.len() <= limit {
        return Some(bytes);
    }
    // What was not asked for goes first; without it the answer may be whole.
    reply.additionals.clear();
    let bytes = reply.to_vec().ok()?;
    if bytes.len() <= limit {
        return Some(bytes);
    }
    reply.answers.clear();
    reply.authorities.clear();
    reply.metadata.truncation = true;
    reply.to_vec().ok()
}

/// The answer to what is no message, where it has a header at least and is no answer itself.
fn malformed(message: &[u8]) -> Option<Vec<u8>> {
    let [first, second, flags, ..] = *message.get(..12)? else { return None };
    if flags & 0x80 != 0 {
        return None;
    }
    let (id, code) = (u16::from_be_bytes([first, second]), OpCode::from_u8(flags >> 3 & 0x0f));
    Message::error_msg(id, code, ResponseCode::FormErr).to_vec().ok()
}

/// The name and type that a query asks for, or why it gets nothing.
fn asked(query: &Message) -> Result<(String, RecordType), ResponseCode> {
    if query.metadata.op_code != OpCode::Query {
        return Err(ResponseCode::NotImp);
    }
    let [question] = query.queries.as_slice() else { return Err(ResponseCode::FormErr) };
    if query.edns.as_ref().is_some_and(|edns| edns.version() > 0) {
        return Err(ResponseCode::BADVERS);
    }
    let is_served = matches!(question.query_class(), DNSClass::IN | DNSClass::ANY)
        && !matches!(question.query_type(), RecordType::AXFR | RecordType::IXFR);
    if !is_served {
        return Err(ResponseCode::Refused);
    }
    let name = question.name().to_ascii();
    Ok((name.strip_suffix('.').unwrap_or(&name).to_owned(), question.query_type()))
}

/// What an answer says.
struct Says {
    code: ResponseCode,
    is_ours: bool,
    answers: Vec<Record>,
    authority: Option<Record>,
    additional: Vec<Record>,
}

impl Default for Says {
    fn default() -> Self {
        let (answers, additional) = (Vec::new(), Vec::new());
        Self { code: ResponseCode::NoError, is_ours: false, answers, authority: None, additional }
    }
}

impl Says {
    fn of(name: &str, kind: RecordType, look_up: LookUp<'_>) -> Self {
        let mut says = Self::default();
        let Some(mut found) = look_up(name) else {
            return Self { code: ResponseCode::Refused, ..says };
        };
        says.is_ours = true;
        for _ in 0..ALIASES {
            let wanted: Vec<Record> =
                found.records.iter().filter(|record| is_of(&record.data, kind)).cloned().collect();
            if !wanted.is_empty() {
                says.answers.extend(wanted);
                if kind == RecordType::SRV {
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
                says.code = if found.exists { ResponseCode::NoError } else { ResponseCode::NXDomain };
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

    fn write_into(&self, reply: &mut Message) {
        reply.metadata.response_code = self.code;
        reply.metadata.authoritative = self.is_ours;
        let asked = reply.queries.first().map(|question| question.name().clone());
        // A resolver may hold the answer's name against its own spelling of it.
        let written = |record: &Record| {
            let mut written = to_wire(record)?;
            if let Some(asked) = asked.as_ref().filter(|asked| **asked == written.name) {
                written.name = asked.clone();
            }
            Some(written)
        };
        reply.answers = self.answers.iter().filter_map(written).collect();
        reply.authorities = self.authority.iter().filter_map(written).collect();
        reply.additionals = self.additional.iter().filter_map(written).collect();
    }
}

fn is_of(data: &Data, kind: RecordType) -> bool {
    let own = match data {
        Data::A(_) => RecordType::A,
        Data::Aaaa(_) => RecordType::AAAA,
        Data::Cname(_) => RecordType::CNAME,
        Data::Srv { .. } => RecordType::SRV,
        Data::Soa(_) => RecordType::SOA,
        Data::Ns(_) => RecordType::NS,
    };
    kind == RecordType::ANY || kind == own
}

/// `None` for a name that DNS cannot have, such as one with a label of 64 letters.
fn to_wire(record: &Record) -> Option<WireRecord> {
    let name = |text: &str| Name::from_ascii(format!("{text}.")).ok();
    let data = match &record.data {
        Data::A(address) => RData::A((*address).into()),
        Data::Aaaa(address) => RData::AAAA((*address).into()),
        Data::Cname(target) => RData::CNAME(CNAME(name(target)?)),
        // Priority and weight are fixed. Source:
        // https://docs.aws.amazon.com/cloud-map/latest/api/API_DnsRecord.html
        Data::Srv { port, target } => RData::SRV(SRV::new(1, 1, *port, name(target)?)),
        // Serial and times are Route 53's for a new zone. Source: Route 53 developer guide, the SOA record.
        Data::Soa(minimum) => {
            let (server, mailbox) = (name("localhost")?, name("hostmaster.localhost")?);
            RData::SOA(SOA::new(server, mailbox, 1, 7_200, 900, 1_209_600, *minimum))
        }
        Data::Ns(server) => RData::NS(NS(name(server)?)),
    };
    Some(WireRecord::from_rdata(name(&record.name)?, record.ttl, data))
}

#[cfg(test)]
mod tests;
