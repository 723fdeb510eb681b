//! Elastic Load Balancing v2: application load balancers, their listeners, rules and target groups.
//!
//! Requests come here checked by the shape table. What is kept here is read by two others: ECS registers
//! its tasks and moves weights ([`Balancing::register`], [`Balancing::set_weights`]), and the local ALB
//! (`crate::alb`) serves the listeners.
//!
//! Its lock may be taken while ECS's is held, never the other way round.
//!
//! # Limits
//!
//! Application load balancers with targets by address only. Everything that would not do what it says
//! is refused by name: network and gateway load balancers, authentication, JWT, regular expressions,
//! transforms, stickiness.

mod action;
mod attribute;
mod balancer;
mod certificate;
mod condition;
mod error;
mod group;
mod health;
mod limits;
mod listener;
mod mutual;
mod neighbour;
mod object;
mod page;
mod rule;
mod tag;
mod target;
mod traffic;
mod trust;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicBool},
};

use tokio::sync::Notify;

pub use self::certificate::CertificateError;
pub(crate) use self::{
    action::{Action, Fixed, Redirect},
    attribute::Attributes,
    health::{CheckOutcome, CheckSpec, TargetState},
    limits::policy,
    listener::{Listener, Tls},
    mutual::Mutual,
    target::{Registration, TargetKey},
    traffic::{Asked, Choice, Route, Served},
    trust::TrustStore,
};
use self::{balancer::Balancer, certificate::Certificates, group::Group, object::Objects, rule::Rule};
use crate::{config::Config, id::Random, world::Common};

/// The load balancers of an account in a region.
#[derive(Debug)]
pub(crate) struct Balancing {
    account: String,
    region: String,
    state: Mutex<State>,
    /// Something changed that sockets or checks hang on.
    changed: Arc<Notify>,
    /// A target has turned, which ECS may have to look at.
    turned: Arc<Notify>,
}

/// What there is.
#[derive(Debug)]
pub(crate) struct State {
    random: Random,
    /// Whether targets are asked how they are; else they are healthy at once, unless a script says
    /// otherwise.
    is_real: Arc<AtomicBool>,
    /// By ARN, as everything here.
    balancers: BTreeMap<String, Balancer>,
    groups: BTreeMap<String, Group>,
    listeners: BTreeMap<String, Listener>,
    rules: BTreeMap<String, Rule>,
    stores: BTreeMap<String, TrustStore>,
    certificates: Certificates,
    objects: Objects,
    /// Targets whose state changed since ECS looked last.
    turned: Vec<TargetKey>,
    /// Which one is next in turn, for groups and targets.
    turn: u64,
}

impl Balancing {
    /// An account without a load balancer.
    pub(crate) fn new(config: &Config, random: Random, common: &Common) -> Arc<Self> {
        let state = State {
            random,
            is_real: Arc::clone(&common.is_balanced),
            balancers: BTreeMap::new(),
            groups: BTreeMap::new(),
            listeners: BTreeMap::new(),
            rules: BTreeMap::new(),
            stores: BTreeMap::new(),
            certificates: Certificates::default(),
            objects: Objects::default(),
            turned: Vec::new(),
            turn: 0,
        };
        Arc::new(Self {
            account: config.account.clone(),
            region: config.region.clone(),
            state: Mutex::new(state),
            changed: Arc::clone(&common.balancers_changed),
            turned: Arc::clone(&common.changed),
        })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn arn(&self, rest: &str) -> String {
        format!("arn:aws:elasticloadbalancing:{}:{}:{rest}", self.region, self.account)
    }
}

impl State {
    /// The last part of an ARN of ELB's: 16 hexadecimal digits.
    fn id(&mut self) -> String {
        format!("{:016x}", self.random.next())
    }
}

#[cfg(test)]
mod tests;
