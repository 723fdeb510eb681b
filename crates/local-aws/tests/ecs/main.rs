//! The local ECS through its wire, with scripted tasks in virtual time.

#[cfg(test)]
mod account_settings;
#[cfg(test)]
mod alarms;
#[cfg(test)]
mod balancers;
#[cfg(test)]
mod capacity_providers;
#[cfg(test)]
mod circuit_breaker;
#[cfg(test)]
mod clusters;
#[cfg(test)]
mod connect;
#[cfg(test)]
mod discovery;
#[cfg(test)]
mod event_bus;
#[cfg(test)]
mod events;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod functions;
#[cfg(test)]
mod history;
#[cfg(test)]
mod hooks;
#[cfg(test)]
mod lab;
#[cfg(test)]
mod metadata;
#[cfg(test)]
mod names;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod protection;
#[cfg(test)]
mod read_back;
#[cfg(test)]
mod restarts;
#[cfg(test)]
mod rolling;
#[cfg(test)]
mod run_task;
#[cfg(test)]
mod scale;
#[cfg(test)]
mod scaling;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod server;
#[cfg(test)]
mod shifts;
#[cfg(test)]
mod switches;
#[cfg(test)]
mod task_definitions;
#[cfg(test)]
mod tasks;
#[cfg(test)]
mod updates;
#[cfg(test)]
mod worlds;
#[cfg(test)]
mod zones;
