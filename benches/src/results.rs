//! All samples of a run, and what they say taken together.

use std::fs;
use std::io;
use std::path::Path;

use crate::sample::{Metric, Sample};
use crate::setup::Peer;
use crate::work::Work;

/// All samples of a run.
#[derive(Debug, Default)]
pub struct Results {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    work: Work,
    peer: Peer,
    round: usize,
    /// `None` if a reply was wrong or missing, so the run doesn't count.
    sample: Option<Sample>,
}

/// If other programs used more of the machine than this, a run was disturbed.
pub const DISTURBED: f64 = 0.1;

impl Results {
    /// How many runs there were, and how many of them were disturbed.
    pub fn disturbed(&self) -> (usize, usize) {
        let others = self
            .entries
            .iter()
            .filter_map(|entry| entry.sample.as_ref()?.get(Metric::Others));
        let disturbed = others.clone().filter(|others| *others > DISTURBED).count();
        (others.count(), disturbed)
    }

    pub fn add(&mut self, work: Work, peer: Peer, round: usize, sample: Option<Sample>) {
        self.entries.push(Entry { work, peer, round, sample });
    }

    /// Whether this peer took part.
    pub fn has(&self, work: Work, peer: Peer) -> bool {
        self.of(work, peer).next().is_some()
    }

    /// How many runs didn't count.
    pub fn failures(&self, work: Work, peer: Peer) -> usize {
        self.of(work, peer).filter(|entry| entry.sample.is_none()).count()
    }

    /// What a peer achieved, in all rounds.
    pub fn values(&self, work: Work, peer: Peer, metric: Metric) -> Values {
        Values::new(self.rounds(work, peer, metric).map(|(_, value)| value).collect())
    }

    /// A peer's values divided by another's of the same round.
    pub fn ratios(&self, work: Work, peer: Peer, other: Peer, metric: Metric) -> Values {
        let ratio = |(round, value): (usize, f64)| {
            let (_, base) = self
                .rounds(work, other, metric)
                .find(|(other_round, _)| *other_round == round)?;
            Some(value / base)
        };
        Values::new(self.rounds(work, peer, metric).filter_map(ratio).collect())
    }

    /// A peer's values divided by its values of something else in the same run.
    pub fn quotients(&self, work: Work, peer: Peer, of: Metric, by: Metric) -> Values {
        let samples = self.of(work, peer).filter_map(|entry| entry.sample.as_ref());
        let quotients =
            samples.filter_map(|sample| Some(sample.get(of)? / sample.get(by)?));
        Values::new(quotients.collect())
    }

    fn of(&self, work: Work, peer: Peer) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.work == work && entry.peer == peer)
    }

    fn rounds(
        &self,
        work: Work,
        peer: Peer,
        metric: Metric,
    ) -> impl Iterator<Item = (usize, f64)> {
        self.of(work, peer).filter_map(move |entry| {
            Some((entry.round, entry.sample.as_ref()?.get(metric)?))
        })
    }

    /// Saves the samples, one number per line.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let mut text = String::new();
        for Entry { work, peer, round, sample } in &self.entries {
            let begin = format!("{}\t{}\t{round}", work.name(), peer.label);
            match sample {
                Some(sample) => {
                    for (metric, value) in sample.iter() {
                        text += &format!("{begin}\t{}\t{value}\n", metric.head());
                    }
                }
                None => text += &format!("{begin}\t\t\n"),
            }
        }
        fs::write(path, text)
    }

    /// Reads what [`save`](Self::save) has written.
    pub fn load(path: &Path) -> io::Result<Self> {
        let mut results = Self::default();
        for line in fs::read_to_string(path)?.lines() {
            results.read_line(line).ok_or_else(|| {
                io::Error::new(io::ErrorKind::InvalidData, line.to_owned())
            })?;
        }
        Ok(results)
    }

    fn read_line(&mut self, line: &str) -> Option<()> {
        let mut fields = line.split('\t');
        let work = Work::from_name(fields.next()?)?;
        let label = fields.next()?;
        let peer = *work.peers().iter().find(|peer| peer.label == label)?;
        let round = fields.next()?.parse().ok()?;
        let Some(metric) = Metric::from_head(fields.next()?) else {
            self.add(work, peer, round, None);
            return Some(());
        };
        let is_same = |entry: &&mut Entry| {
            (entry.work, entry.peer, entry.round) == (work, peer, round)
        };
        let last = self.entries.last_mut().filter(is_same);
        let value = fields.next()?.parse().ok()?;
        match last.and_then(|entry| entry.sample.as_mut()) {
            Some(sample) => sample.set(metric, value),
            None => {
                let mut sample = Sample::default();
                sample.set(metric, value);
                self.add(work, peer, round, Some(sample));
            }
        }
        Some(())
    }
}

/// Some numbers, in order of size.
#[derive(Debug, Clone)]
pub struct Values(Vec<f64>);

impl Values {
    fn new(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    pub fn min(&self) -> Option<f64> {
        self.0.first().copied()
    }

    pub fn max(&self) -> Option<f64> {
        self.0.last().copied()
    }

    /// `None` if there are no numbers.
    pub fn sum(&self) -> Option<f64> {
        (!self.0.is_empty()).then(|| self.0.iter().sum())
    }

    pub fn median(&self) -> Option<f64> {
        let middle = self.0.len() / 2;
        let upper = *self.0.get(middle)?;
        let lower = if self.0.len() % 2 == 0 { self.0[middle - 1] } else { upper };
        Some(lower.midpoint(upper))
    }

    /// The value that this many per cent don't exceed.
    pub fn percentile(&self, percent: usize) -> Option<f64> {
        let place = (self.0.len() * percent).div_ceil(100).max(1) - 1;
        self.0.get(place).copied()
    }

    /// The median, with the smallest and the largest: for ratios.
    pub fn with_range(&self) -> String {
        match (self.median(), self.min(), self.max()) {
            (Some(median), Some(min), Some(max)) => {
                format!("{median:.2} [{min:.2}–{max:.2}]")
            }
            _ => "–".to_owned(),
        }
    }
}

/// A number with about three significant digits.
pub fn number(value: f64) -> String {
    match value.abs() {
        10_000.0.. => format!("{:.1}k", value / 1000.0),
        100.0.. => format!("{value:.0}"),
        _ if value.fract() == 0.0 => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        1.0.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
