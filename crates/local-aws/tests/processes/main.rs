//! The process driver with real processes, in real time: each test waits for conditions.

#[cfg(test)]
mod bench;
#[cfg(test)]
mod dependencies;
#[cfg(test)]
mod ends;
#[cfg(test)]
mod health;
#[cfg(test)]
mod program;
#[cfg(test)]
mod resources;
#[cfg(test)]
mod starts;
#[cfg(test)]
mod usage;
