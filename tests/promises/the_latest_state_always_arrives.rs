//! The latest state arrives at every subscriber, after bursts of changes and after outages.

mod burst;
mod outage;
mod restore;
