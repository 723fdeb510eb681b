//! The real program, started on a free port of the loopback address and talked to over plain sockets.

#[cfg(test)]
mod caller;
#[cfg(test)]
mod client;
#[cfg(test)]
mod kept;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod process;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod task;
#[cfg(test)]
mod webhook;
