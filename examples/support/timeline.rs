//! What each thread did, and when: one lane for each thread, drawn when the run ends.
//!
//! A thread records what it does by holding a [`Span`]:
//!
//! ```text
//! let waiting = span(Doing::Waiting);
//! let guard = lock.lock();
//! drop(waiting);
//! let holding = span(Doing::Holding);
//! ```
//!
//! In the drawing, an inner span covers the outer one. Spans are recorded only if
//! `--timeline` asks for a drawing, because a server might run for a year.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use super::mistake::mistake;
use super::{stage, svg, terminal};

/// How wide a drawing is in a file or a pipe, in columns. This fits into a note.
const WIDTH: usize = 72;

/// In a window, a drawing is as wide as the window, but within these limits.
const WIDTHS: [usize; 2] = [40, 160];

/// The widest name a lane shows; longer ones lose their end.
const NAME: usize = 16;

/// At most this many spans are recorded; later ones aren't drawn.
const MOST: usize = 20_000;

/// Whether a drawing was asked for.
static WANTED: AtomicBool = AtomicBool::new(false);

/// Everything recorded so far, and the moment that counts as zero.
static RECORD: LazyLock<(Instant, Mutex<Vec<Entry>>)> =
    LazyLock::new(|| (Instant::now(), Mutex::default()));

/// What a thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    /// It works.
    Working,
    /// It waits for a lock.
    Waiting,
    /// It holds a lock.
    Holding,
    /// It serves a client.
    Serving,
    /// It has nothing to do: it waits for a client, or for a message.
    Idle,
}

/// Where the drawing goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Drawing {
    /// Nowhere.
    Nothing,
    /// To the screen, as text.
    Text,
    /// To this file, as a picture.
    Svg(PathBuf),
}

/// One thread's spans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lane {
    /// The thread's name.
    pub(crate) name: String,
    /// Its spans, by their start.
    pub(crate) bars: Vec<Bar>,
}

/// One span in a drawing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bar {
    /// What the thread did.
    pub(crate) doing: Doing,
    /// What is written on the bar, if there's space.
    pub(crate) label: String,
    /// When it began.
    pub(crate) from: Duration,
    /// When it ended.
    pub(crate) to: Duration,
}

/// One recorded span.
#[derive(Debug)]
struct Entry {
    /// The thread it belongs to.
    thread: ThreadId,
    /// That thread's name.
    name: String,
    /// What it did; the end is missing while the span is held.
    bar: Bar,
    /// Whether the span has ended.
    over: bool,
}

/// What the current thread does until this is dropped.
#[derive(Debug)]
#[must_use = "the span ends when this is dropped"]
pub(crate) struct Span {
    /// Its index in the record; `None` if nothing is recorded.
    index: Option<usize>,
}

/// Records that the current thread does this until the span is dropped.
pub(crate) fn span(doing: Doing) -> Span {
    labelled(doing, "")
}

/// Like [`span`], with a word that is written on the bar if there's space.
pub(crate) fn labelled(doing: Doing, label: &str) -> Span {
    if !WANTED.load(Ordering::Relaxed) {
        return Span { index: None };
    }
    let (zero, entries) = &*RECORD;
    let current = thread::current();
    let mut entries = entries.lock().unwrap_or_else(PoisonError::into_inner);
    if entries.len() >= MOST {
        return Span { index: None };
    }
    let now = zero.elapsed();
    let bar = Bar { doing, label: label.to_owned(), from: now, to: now };
    let name = current.name().unwrap_or("?").to_owned();
    entries.push(Entry { thread: current.id(), name, bar, over: false });
    Span { index: Some(entries.len() - 1) }
}

impl Drop for Span {
    fn drop(&mut self) {
        let Some(index) = self.index else { return };
        let (zero, entries) = &*RECORD;
        let mut entries = entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = &mut entries[index];
        entry.bar.to = zero.elapsed();
        entry.over = true;
    }
}

/// Records that the current thread does this while `work` runs.
pub(crate) fn during<T>(doing: Doing, work: impl FnOnce() -> T) -> T {
    let _span = span(doing);
    work()
}

/// The lanes recorded so far, in the order in which their threads first did something.
/// Those that began (nearly) together are sorted by name. The first span begins at zero.
pub(crate) fn lanes() -> Vec<Lane> {
    let (zero, entries) = &*RECORD;
    let entries = entries.lock().unwrap_or_else(PoisonError::into_inner);
    let now = zero.elapsed();
    let first = entries.iter().map(|entry| entry.bar.from).min().unwrap_or_default();
    let mut lanes: Vec<(ThreadId, Lane)> = Vec::new();
    for entry in entries.iter() {
        let mut bar = entry.bar.clone();
        bar.from -= first;
        bar.to = if entry.over { bar.to } else { now } - first;
        match lanes.iter_mut().find(|(thread, _)| *thread == entry.thread) {
            Some((_, lane)) => lane.bars.push(bar),
            None => {
                let lane = Lane { name: entry.name.clone(), bars: vec![bar] };
                lanes.push((entry.thread, lane));
            }
        }
    }
    let mut lanes: Vec<Lane> = lanes.into_iter().map(|(_, lane)| lane).collect();
    let together = (total(&lanes) / 50).as_micros().max(1);
    lanes.sort_by_key(|lane| {
        let begin = lane.bars[0].from.as_micros() / together;
        (begin, lane.name.chars().count(), lane.name.clone()) // "reader 9", "reader 10"
    });
    lanes
}

/// Starts to record, if a drawing was asked for.
///
/// # Errors
///
/// The drawing's file can't be written. It's better to know that before the run.
pub(crate) fn begin(drawing: &Drawing) -> io::Result<()> {
    if let Drawing::Svg(file) = drawing {
        // Opened for appending, so the old content stays until there's a new drawing.
        OpenOptions::new().append(true).create(true).open(file).map_err(|error| {
            mistake(format!(
                "The timeline cannot be written to {}: {error}.\nName another file, as in \
                 --timeline=a.svg.",
                file.display()
            ))
        })?;
    }
    WANTED.store(*drawing != Drawing::Nothing, Ordering::Relaxed);
    Ok(())
}

/// Draws what was recorded, to where the command line says.
///
/// # Errors
///
/// Writing the file failed.
pub(crate) fn finish(drawing: &Drawing) -> io::Result<()> {
    match drawing {
        Drawing::Nothing => return Ok(()),
        Drawing::Text => {
            let window = terminal::width();
            let colour = window.is_some() && colour_wanted(|name| std::env::var(name));
            // Some terminals begin a new line after the last column.
            let width = window.map_or(WIDTH, |columns| {
                columns.saturating_sub(1).clamp(WIDTHS[0], WIDTHS[1])
            });
            stage::print(&format!("\n{}", text(&lanes(), width, colour)));
        }
        Drawing::Svg(file) => {
            fs::write(file, svg::picture(&lanes())).map_err(|error| {
                mistake(format!(
                    "The timeline cannot be written to {}: {error}.\nName another file, \
                     as in --timeline=a.svg.",
                    file.display()
                ))
            })?;
            stage::show_line(format_args!("\nthe timeline is in {}", file.display()));
        }
    }
    let recorded = RECORD.1.lock().unwrap_or_else(PoisonError::into_inner).len();
    if recorded >= MOST {
        stage::show_line(format_args!("(it shows only the first {MOST} spans)"));
    }
    Ok(())
}

/// Whether the terminal shows colours and the student wants them.
fn colour_wanted<E>(var: impl Fn(&str) -> Result<String, E>) -> bool {
    let unwanted = var("NO_COLOR").is_ok_and(|value| !value.is_empty());
    let unable = var("TERM").is_ok_and(|value| value == "dumb");
    !unwanted && !unable
}

impl Lane {
    /// For each bar, the longest part of it that no later bar covers.
    pub(crate) fn visible(&self) -> Vec<(Duration, Duration)> {
        let longest = |(index, bar): (usize, &Bar)| {
            let mut parts = vec![(bar.from, bar.to)];
            // They're sorted by start, so those after the bar's end don't matter.
            let later = self.bars[index + 1..].iter();
            for over in later.take_while(|over| over.from < bar.to) {
                parts = parts
                    .into_iter()
                    .flat_map(|(from, to)| {
                        [(from, to.min(over.from)), (from.max(over.to), to)]
                    })
                    .filter(|(from, to)| from < to)
                    .collect();
            }
            let length = |part: &(Duration, Duration)| part.1 - part.0;
            parts.into_iter().max_by_key(length).unwrap_or((bar.from, bar.from))
        };
        self.bars.iter().enumerate().map(longest).collect()
    }
}

impl Doing {
    /// All of them, in the order of the legend.
    pub(crate) const ALL: [Self; 5] =
        [Self::Working, Self::Waiting, Self::Holding, Self::Serving, Self::Idle];

    /// The word of the legend.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Working => "works",
            Self::Waiting => "waits for the lock",
            Self::Holding => "holds the lock",
            Self::Serving => "serves",
            Self::Idle => "idle",
        }
    }

    /// How a bar is filled in a text drawing, so that bars differ even without colour.
    fn fill(self) -> char {
        match self {
            Self::Working => '▓',
            Self::Waiting => '░',
            Self::Holding => '█',
            Self::Serving => '▒',
            Self::Idle => '·',
        }
    }

    /// The colour in a terminal, as an ANSI code.
    fn ansi(self) -> &'static str {
        match self {
            Self::Working => "34",
            Self::Waiting => "33",
            Self::Holding => "32",
            Self::Serving => "36",
            Self::Idle => "90",
        }
    }
}

/// The moments on the axis: about `count` of them, at round times, up to the first one
/// that isn't before `total`.
pub(crate) fn ticks(total: Duration, count: u32) -> Vec<Duration> {
    let wanted = total.as_micros().max(1).div_ceil(u128::from(count.max(1)));
    let mut step = 1;
    while step < wanted {
        // 1, 2, 5, 10, 20, 50, ..
        let first_digit = step.to_string().starts_with('2');
        step = if first_digit { step / 2 * 5 } else { step * 2 };
    }
    let step = Duration::from_micros(u64::try_from(step).unwrap_or(u64::MAX));
    let mut moments = vec![Duration::ZERO];
    while moments[moments.len() - 1] < total {
        moments.push(step * u32::try_from(moments.len()).unwrap_or(u32::MAX));
    }
    moments
}

/// A moment, in the unit that suits the end of the axis.
pub(crate) fn moment(at: Duration, end: Duration) -> String {
    let (value, unit) = if end >= Duration::from_secs(2) {
        (at.as_secs_f64(), "s")
    } else if end >= Duration::from_millis(2) {
        (at.as_secs_f64() * 1e3, "ms")
    } else {
        (at.as_secs_f64() * 1e6, "µs")
    };
    let number = format!("{value:.2}");
    format!("{} {unit}", number.trim_end_matches('0').trim_end_matches('.'))
}

/// When the last span of all lanes ends.
pub(crate) fn total(lanes: &[Lane]) -> Duration {
    lanes.iter().flat_map(|lane| &lane.bars).map(|bar| bar.to).max().unwrap_or_default()
}

/// The states that occur in the lanes, in the order of the legend.
pub(crate) fn used(lanes: &[Lane]) -> Vec<Doing> {
    let occurs = |doing: &Doing| {
        lanes.iter().flat_map(|lane| &lane.bars).any(|bar| bar.doing == *doing)
    };
    Doing::ALL.into_iter().filter(occurs).collect()
}

/// The lanes as text of at most `columns` columns.
pub(crate) fn text(lanes: &[Lane], columns: usize, colour: bool) -> String {
    if lanes.is_empty() {
        return "the timeline is empty: no thread recorded anything\n".to_owned();
    }
    let longest = lanes.iter().map(|lane| lane.name.chars().count()).max();
    let name_width = longest.unwrap_or_default().clamp(4, NAME);
    let width = columns - name_width - 3; // two spaces before the bars, one column to spare
    let moments = ticks(total(lanes), if width > 40 { 5 } else { 2 });
    let end = moments[moments.len() - 1];
    let column = |at: Duration| {
        let share = at.as_secs_f64() / end.as_secs_f64().max(f64::MIN_POSITIVE);
        (share * width as f64).round() as usize
    };

    let mut drawing = axis(&moments, name_width, width, column);
    for lane in lanes {
        let mut cells = vec![(None, ' '); width];
        for bar in &lane.bars {
            // Even a short span must be visible: it gets one column.
            let from = column(bar.from).min(width - 1);
            let to = column(bar.to).clamp(from + 1, width);
            cells[from..to].fill((Some(bar.doing), bar.doing.fill()));
        }
        for (bar, (from, to)) in lane.bars.iter().zip(lane.visible()) {
            let (from, to) = (column(from), column(to));
            let length = bar.label.chars().count();
            if length > 0 && from + length + 4 <= to {
                let start = from + (to - from - length) / 2;
                cells[start - 1].1 = ' ';
                cells[start + length].1 = ' ';
                for (cell, letter) in cells[start..].iter_mut().zip(bar.label.chars()) {
                    cell.1 = letter;
                }
            }
        }
        let name: String = lane.name.chars().take(name_width).collect();
        drawing += &format!("{name:>name_width$}  ");
        drawing += painted(&cells, colour).trim_end();
        drawing.push('\n');
    }
    drawing += &legend(lanes, name_width, columns, colour);
    drawing
}

/// The two lines above the lanes: the moments, and their marks.
fn axis(
    moments: &[Duration],
    name_width: usize,
    width: usize,
    column: impl Fn(Duration) -> usize,
) -> String {
    let end = moments[moments.len() - 1];
    let indent = name_width + 2;
    let mut words = vec![' '; indent + width];
    let mut marks = vec!['─'; width];
    for (index, &at) in moments.iter().enumerate() {
        let word = if at.is_zero() { "0".to_owned() } else { moment(at, end) };
        let place = column(at).min(width - 1);
        marks[place] = match index {
            0 => '├',
            _ if at == end => '┤',
            _ => '┼',
        };
        // Each word ends above its mark, but the first one begins above it.
        let start = if index == 0 {
            indent
        } else {
            (indent + place + 1).saturating_sub(word.chars().count())
        };
        for (cell, letter) in words[start..].iter_mut().zip(word.chars()) {
            *cell = letter;
        }
    }
    let words: String = words.into_iter().collect();
    let marks: String = marks.into_iter().collect();
    format!("{}\n{:indent$}{marks}\n", words.trim_end(), "")
}

/// The cells of one lane, with a colour for each run of the same state.
fn painted(cells: &[(Option<Doing>, char)], colour: bool) -> String {
    let mut line = String::new();
    for run in cells.chunk_by(|left, right| left.0 == right.0) {
        let letters: String = run.iter().map(|cell| cell.1).collect();
        line += &match run[0].0 {
            Some(doing) if colour => format!("\x1b[{}m{letters}\x1b[0m", doing.ansi()),
            _ => letters,
        };
    }
    line
}

/// The legend below the lanes: what each fill means. It begins below the bars, or further
/// left if it then fits into one line.
fn legend(lanes: &[Lane], name_width: usize, columns: usize, colour: bool) -> String {
    let used = used(lanes);
    let length = |doing: &Doing| 2 + 1 + doing.word().len() + 2;
    let whole: usize = used.iter().map(length).sum();
    let indent = (name_width + 2).min((columns + 2).saturating_sub(whole));
    let mut text = String::new();
    let mut room = 0;
    for doing in used {
        let sample = [(Some(doing), doing.fill()); 2];
        let word = format!("{} {}", painted(&sample, colour), doing.word());
        if length(&doing) > room + 2 {
            text += &format!("\n{:indent$}{word}", "");
            room = columns - indent;
        } else {
            text += &format!("  {word}");
        }
        room = room.saturating_sub(length(&doing));
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Locked by a test that depends on whether spans are recorded.
    static QUIET: Mutex<()> = Mutex::new(());

    /// A bar from one millisecond to another.
    pub(crate) fn bar(doing: Doing, from: u64, to: u64, label: &str) -> Bar {
        let (from, to) = (Duration::from_millis(from), Duration::from_millis(to));
        Bar { doing, label: label.to_owned(), from, to }
    }

    #[test]
    fn the_longest_legend_fits() {
        let bars = Doing::ALL.map(|doing| bar(doing, 0, 9, "")).to_vec();
        let lanes = [Lane { name: "sixteen columns.".to_owned(), bars }];
        let drawing = text(&lanes, WIDTH, false);
        let legend = drawing.lines().last().unwrap_or_default();
        assert!(legend.trim_start().starts_with("▓▓ works  ░░"), "{legend}");
        assert!(legend.ends_with("·· idle"), "{legend}");
        assert!(legend.chars().count() <= WIDTH, "{legend}");
    }

    /// Two threads and one lock.
    pub(crate) fn example() -> Vec<Lane> {
        let first = vec![
            bar(Doing::Serving, 0, 480, ""),
            bar(Doing::Holding, 100, 300, "one line"),
        ];
        let second = vec![
            bar(Doing::Serving, 50, 480, ""),
            bar(Doing::Waiting, 120, 300, ""),
            bar(Doing::Holding, 300, 301, ""),
        ];
        let idle = vec![bar(Doing::Idle, 0, 500, "")];
        vec![
            Lane { name: "client 1".to_owned(), bars: first },
            Lane { name: "client 2".to_owned(), bars: second },
            Lane { name: "the one that accepts".to_owned(), bars: idle },
        ]
    }

    #[test]
    fn a_drawing_has_a_lane_for_each_thread_under_a_time_axis() {
        let drawing = text(&example(), WIDTH, false);
        let lines: Vec<&str> = drawing.lines().collect();
        assert_eq!(lines.len(), 7, "{drawing}");
        assert!(lines[0].ends_with("400 ms    500 ms"), "{drawing}");
        assert!(
            lines[1].trim().starts_with("├─") && lines[1].ends_with("─┤"),
            "{drawing}"
        );
        assert!(lines[2].starts_with("        client 1  ▒▒▒"), "{drawing}");
        assert!(lines[2].contains("█ one line █"), "{drawing}");
        assert!(lines[3].contains("▒░░░") && lines[3].contains("░█▒"), "{drawing}");
        assert!(lines[4].starts_with("the one that acc  ····"), "{drawing}");
        assert!(
            lines[6].contains("░░ waits for the lock  ██ holds the lock"),
            "{drawing}"
        );
    }

    #[test]
    fn a_label_stands_where_its_bar_is_seen() {
        let bars = vec![
            bar(Doing::Serving, 0, 500, "outer"),
            bar(Doing::Holding, 0, 200, "inner"),
            bar(Doing::Holding, 400, 500, ""),
        ];
        let lane = Lane { name: "both".to_owned(), bars };
        let seen = (Duration::from_millis(200), Duration::from_millis(400));
        assert_eq!(lane.visible()[0], seen);
        let drawing = text(&[lane], WIDTH, false);
        assert!(drawing.contains("██ inner ██"), "{drawing}");
        assert!(drawing.contains("▒▒ outer ▒▒"), "{drawing}");
    }

    #[test]
    fn no_line_is_wider_than_the_window() {
        let mut lanes = example();
        let fills = Doing::ALL.map(|doing| bar(doing, 0, 1, "")).to_vec();
        lanes.push(Lane { name: "all".to_owned(), bars: fills });
        for width in [WIDTHS[0], 50, WIDTH, 100, WIDTHS[1]] {
            for total in [1, 3, 7, 480, 999, 1_000, 1_001, 12_345, 86_400_000] {
                lanes[0].bars[0].to = Duration::from_millis(total);
                for line in text(&lanes, width, false).lines() {
                    assert!(line.chars().count() <= width, "{width}: {line}");
                    assert_eq!(line, line.trim_end());
                }
            }
        }
    }

    #[test]
    fn nothing_is_recorded_that_nobody_will_draw() {
        let worker = thread::Builder::new().name("not recorded".to_owned());
        let recorded = || {
            let entries = RECORD.1.lock().unwrap_or_else(PoisonError::into_inner);
            entries.iter().any(|entry| entry.name == "not recorded")
        };
        let work = worker.spawn(move || {
            let _quiet = QUIET.lock();
            for _ in 0..1000 {
                drop(labelled(Doing::Serving, "a client"));
            }
            recorded()
        });
        assert_eq!(work.map(|work| work.join().ok()).ok(), Some(Some(false)));
    }

    #[test]
    fn colours_change_nothing_but_colours() {
        let mut plain = String::new();
        let coloured = text(&example(), WIDTH, true);
        for (index, part) in coloured.split("\x1b[").enumerate() {
            let skip =
                if index == 0 { 0 } else { part.find('m').map_or(0, |at| at + 1) };
            plain += &part[skip..];
        }
        assert_eq!(plain, text(&example(), WIDTH, false));
        assert!(coloured.contains("\x1b[32m█"));
    }

    #[test]
    fn no_color_and_a_dumb_terminal_are_obeyed() {
        let only = |name: &'static str, value: &'static str| {
            move |asked: &str| if asked == name { Ok(value.to_owned()) } else { Err(()) }
        };
        assert!(colour_wanted(only("TERM", "xterm")));
        assert!(!colour_wanted(only("TERM", "dumb")));
        assert!(!colour_wanted(only("NO_COLOR", "1")));
        assert!(colour_wanted(only("NO_COLOR", "")));
    }

    #[test]
    fn ticks_are_round_and_reach_the_end() {
        for micros in [1, 3, 999, 1_000, 1_001, 4_900, 250_000, 3_600_000_000] {
            let total = Duration::from_micros(micros);
            let moments = ticks(total, 5);
            assert!((2..=6).contains(&moments.len()), "{micros}: {moments:?}");
            assert!(moments[moments.len() - 1] >= total);
        }
        assert_eq!(ticks(Duration::ZERO, 5).len(), 1);
        assert_eq!(moment(Duration::from_millis(500), Duration::from_secs(1)), "500 ms");
        assert_eq!(moment(Duration::from_millis(2500), Duration::from_secs(5)), "2.5 s");
        assert_eq!(
            moment(Duration::from_micros(20), Duration::from_micros(90)),
            "20 µs"
        );
    }

    #[test]
    fn spans_become_bars_of_their_thread() -> io::Result<()> {
        let recorded =
            thread::Builder::new().name("recorded".to_owned()).spawn(|| {
                let _alone = QUIET.lock();
                WANTED.store(true, Ordering::Relaxed);
                let serving = labelled(Doing::Serving, "outer");
                drop(span(Doing::Holding));
                drop(serving);
                let still_open = span(Doing::Idle);
                let lanes = lanes();
                drop(still_open);
                WANTED.store(false, Ordering::Relaxed);
                lanes
            })?;
        let lanes = recorded.join().map_err(|_| io::Error::other("panicked"))?;
        let found = lanes.iter().find(|lane| lane.name == "recorded");
        let bars = &found.ok_or(io::ErrorKind::NotFound)?.bars;
        let doings: Vec<Doing> = bars.iter().map(|bar| bar.doing).collect();
        assert_eq!(doings, [Doing::Serving, Doing::Holding, Doing::Idle]);
        assert!(bars[0].from <= bars[1].from && bars[1].to <= bars[0].to, "{bars:?}");
        assert_eq!(bars[0].label, "outer");
        assert!(bars[2].to >= bars[2].from);
        Ok(())
    }

    #[test]
    fn an_empty_record_says_so() {
        assert!(text(&[], WIDTH, true).contains("empty"));
    }
}
