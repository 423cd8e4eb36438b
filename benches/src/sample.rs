//! What one run of one server yields.

use std::collections::BTreeMap;

/// Something that we measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    Rate,
    P50,
    P99,
    Cpu,
    Lost,
    Memory,
    /// After the first ten thousand connections, and after the last.
    MemoryFirst,
    MemoryLast,
    Descriptors,
    Threads,
    Seconds,
    Served,
    P50Alone,
    P50Beside,
    SlowTime,
    FirstWait,
    NextWait,
    StopTime,
    /// How many replies came whole, ended with a reset, or were cut short without one.
    Whole,
    Reset,
    Cut,
    /// Until the last whole reply had arrived.
    ReplyTime,
    /// How much of the machine other programs used meanwhile; 1 is all of it.
    Others,
}

impl Metric {
    /// All of them, with the head of their column in a table.
    const HEADS: [(Self, &str); 23] = [
        (Self::Rate, "a second"),
        (Self::P50, "p50, µs"),
        (Self::P99, "p99, µs"),
        (Self::Cpu, "server CPU each, µs"),
        (Self::Lost, "lost"),
        (Self::Memory, "KiB each"),
        (Self::MemoryFirst, "KiB after 10,000"),
        (Self::MemoryLast, "KiB at the end"),
        (Self::Descriptors, "descriptors each"),
        (Self::Threads, "threads each"),
        (Self::Seconds, "seconds"),
        (Self::Served, "served"),
        (Self::P50Alone, "p50 alone, µs"),
        (Self::P50Beside, "p50 beside them, µs"),
        (Self::SlowTime, "slow ones done, ms"),
        (Self::FirstWait, "first wait, ms"),
        (Self::NextWait, "longest of the next 19, ms"),
        (Self::StopTime, "stop, ms"),
        (Self::Whole, "whole"),
        (Self::Reset, "reset"),
        (Self::Cut, "cut short"),
        (Self::ReplyTime, "last whole one, ms"),
        (Self::Others, "others"),
    ];

    pub fn head(self) -> &'static str {
        Self::HEADS.iter().find(|(metric, _)| *metric == self).map_or("", |row| row.1)
    }

    pub fn from_head(head: &str) -> Option<Self> {
        Self::HEADS.iter().find(|row| row.1 == head).map(|row| row.0)
    }
}

/// What one run of one server yields.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    values: BTreeMap<Metric, f64>,
}

impl Sample {
    pub fn set(&mut self, metric: Metric, value: f64) {
        self.values.insert(metric, value);
    }

    pub fn get(&self, metric: Metric) -> Option<f64> {
        self.values.get(&metric).copied().filter(|value| value.is_finite())
    }

    pub fn iter(&self) -> impl Iterator<Item = (Metric, f64)> + '_ {
        self.values.iter().map(|(metric, value)| (*metric, *value))
    }
}
