//! How often the gate on errors stops a healthy rollout, and how soon it stops a bad one, by simulation, next to two
//! tests that others use. It prints the tables of docs/gates.md; it asserts nothing and measures no time of its own.
//!
//!     cargo bench --bench gates                        # 4,000 repetitions of each row
//!     cargo bench --bench gates -- --repetitions 200   # a quick look
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints, and a panic is its report")]

mod chance;
mod others;

use std::thread;

use chance::Chance;
use others::{FixedSample, MannWhitney};
use tidegate::domain::statistics::{Run, Shares, Sprt, State};

const GOOD: f64 = 0.001;
const BAD: f64 = 0.01;
/// Minutes that the longest bake has.
const LONGEST: usize = 360;
/// A rollout of 1,000 tenants in nine waves, with four services that have traffic.
const TENANTS: usize = 1_000;
const WAVES: [usize; 9] = [1, 3, 9, 27, 81, 243, 250, 250, 136];
const SERVICES: usize = 4;
/// Minutes that each wave of a healthy rollout is watched.
const WATCHED: usize = 60;
/// What the tests of others are run at: one in a hundred, for each of them.
const USUAL_ALPHA: f64 = 0.01;

fn main() {
    let repetitions = repetitions();
    println!("{repetitions} repetitions of each row; errors 0.1 % are good, 1 % are bad\n");
    false_stops(repetitions);
    detection(repetitions);
}

/// `--repetitions N`; cargo adds `--bench`.
fn repetitions() -> usize {
    let arguments: Vec<String> = std::env::args().collect();
    let given = arguments.iter().position(|argument| argument == "--repetitions").and_then(|at| arguments.get(at + 1));
    given.map_or(4_000, |text| text.parse().unwrap())
}

/// Runs one experiment many times, on two threads, each repetition with a seed of its own.
fn repeat<T: Send>(repetitions: usize, once: impl Fn(Chance) -> T + Sync) -> Vec<T> {
    let half = |first: usize| {
        let once = &once;
        move || (first..repetitions).step_by(2).map(|n| once(Chance::seeded(n as u64))).collect::<Vec<T>>()
    };
    thread::scope(|scope| {
        let other = scope.spawn(half(1));
        let mut all = half(0)();
        all.extend(other.join().unwrap());
        all
    })
}

fn shares() -> Shares {
    Shares::of(TENANTS * SERVICES, WAVES.len() * SERVICES)
}

fn single(noise: f64) -> Run {
    Sprt::new(GOOD, BAD, shares().single, LONGEST as u32).unwrap().with_noise(noise).begin()
}

fn pooled(noise: f64) -> Run {
    Sprt::new(GOOD, BAD, shares().pooled, LONGEST as u32).unwrap().with_noise(noise).begin()
}

/// What each method would have stopped in one healthy rollout.
#[derive(Default)]
struct Stopped {
    tidegate: bool,
    noisy: bool,
    fixed: bool,
    mann_whitney: bool,
}

fn false_stops(repetitions: usize) {
    println!(
        "| a healthy rollout to {TENANTS} tenants x {SERVICES} services, {WATCHED} min a wave | tidegate stops | with noise: 2 | fixed sample, alpha 1 % | Mann-Whitney as Kayenta |"
    );
    println!("|---|---|---|---|---|");
    let rows: [(&str, f64, f64); 4] = [
        ("1-1,000 requests/min, errors as Poisson", 1.0, 0.0),
        ("the same, minutes twice as noisy", 2.0, 0.0),
        ("the same, minutes four times as noisy", 4.0, 0.0),
        ("Poisson, tenants differ (rates 0.03-0.1 %)", 1.0, 0.7),
    ];
    for (name, noise, differ) in rows {
        let stopped = repeat(repetitions, |chance| healthy(chance, noise, differ));
        let part = |of: fn(&Stopped) -> bool| percent(stopped.iter().filter(|s| of(s)).count(), repetitions);
        println!(
            "| {name} | {} | {} | {} | {} |",
            part(|s| s.tidegate),
            part(|s| s.noisy),
            part(|s| s.fixed),
            part(|s| s.mann_whitney)
        );
    }
    println!();
}

/// One rollout without a defect.
fn healthy(mut chance: Chance, noise: f64, differ: f64) -> Stopped {
    let fixed = FixedSample::new(GOOD, BAD, USUAL_ALPHA);
    let mut stopped = Stopped::default();
    for tenants in WAVES {
        for _ in 0..SERVICES {
            let mut pool = vec![(0u64, 0u64); WATCHED];
            for tenant in 0..tenants {
                // From one request a minute to a thousand, as many in each decade.
                let requests = 10f64.powf(3.0 * chance.part()).round().max(1.0) as u64;
                let rate = GOOD * (1.0 - differ * chance.part());
                let minutes: Vec<(u64, u64)> =
                    (0..WATCHED).map(|_| (chance.errors(requests, rate, noise), requests)).collect();
                stopped.tidegate |= is_bad(single(1.0), &minutes);
                stopped.noisy |= is_bad(single(2.0), &minutes);
                stopped.fixed |= fixed.minutes_to_fail(&minutes).is_some();
                minutes.iter().zip(&mut pool).for_each(|((e, n), all)| *all = (all.0 + e, all.1 + n));
                // One tenant a wave is enough to show what Kayenta would say; all of them would take hours.
                if tenant == 0 && !stopped.mann_whitney {
                    let before: Vec<(u64, u64)> =
                        (0..WATCHED).map(|_| (chance.errors(requests, rate, noise), requests)).collect();
                    stopped.mann_whitney |= MannWhitney::KAYENTA.fails(&rates(&before), &rates(&minutes));
                }
            }
            stopped.tidegate |= is_bad(pooled(1.0), &pool);
            stopped.noisy |= is_bad(pooled(2.0), &pool);
        }
    }
    stopped
}

fn is_bad(begin: Run, minutes: &[(u64, u64)]) -> bool {
    minutes.iter().fold(begin, |run, (errors, requests)| run.with(*errors, *requests)).state() == State::Bad
}

/// What one method made of one bad release: the minute in which it was stopped, if it was.
struct Found {
    tidegate: Option<usize>,
    noisy: Option<usize>,
    fixed: Option<usize>,
    mann_whitney: Option<usize>,
}

fn detection(repetitions: usize) {
    println!(
        "| errors 0.1 % -> | requests/min | tidegate: found, mean and p95 min | with noise: 2 | fixed sample: found, mean and p95 | Mann-Whitney after 60 min: found |"
    );
    println!("|---|---|---|---|---|---|");
    for rate in [0.001, 0.01, 0.05, 0.3] {
        for requests in [1, 10, 100, 1_000] {
            let found = repeat(repetitions, |chance| bad(chance, rate, requests));
            let row = |of: fn(&Found) -> Option<usize>| summary(found.iter().map(of).collect(), repetitions);
            let after = percent(found.iter().filter(|found| found.mann_whitney.is_some()).count(), repetitions);
            let name =
                if rate == GOOD { "0.1 % (good: false stops)".to_owned() } else { format!("{} %", rate * 100.0) };
            println!(
                "| {name} | {requests} | {} | {} | {} | {after} |",
                row(|f| f.tidegate),
                row(|f| f.noisy),
                row(|f| f.fixed)
            );
        }
    }
    println!();
    println!("| good release, requests/min | passes within 6 h, mean and p95 min | with noise: 2 |");
    println!("|---|---|---|");
    for requests in [1, 10, 100, 1_000] {
        let row = |noise| summary(repeat(repetitions, |chance| good(chance, requests, noise)), repetitions);
        println!("| {requests} | {} | {} |", row(1.0), row(2.0));
    }
}

/// One service of a wave that has a defect from its first minute on.
fn bad(mut chance: Chance, rate: f64, requests: u64) -> Found {
    let minutes: Vec<(u64, u64)> = (0..LONGEST).map(|_| (chance.errors(requests, rate, 1.0), requests)).collect();
    let before: Vec<(u64, u64)> = (0..60).map(|_| (chance.errors(requests, GOOD, 1.0), requests)).collect();
    let found = |mut run: Run| {
        let at = minutes.iter().position(|(errors, requests)| {
            run = run.with(*errors, *requests);
            run.state() == State::Bad
        });
        at.map(|at| at + 1)
    };
    let after = MannWhitney::KAYENTA.fails(&rates(&before), &rates(&minutes[..60]));
    Found {
        tidegate: found(pooled(1.0)),
        noisy: found(pooled(2.0)),
        fixed: FixedSample::new(GOOD, BAD, USUAL_ALPHA).minutes_to_fail(&minutes),
        mann_whitney: after.then_some(60),
    }
}

/// The minute in which a good release passes, if it does.
fn good(mut chance: Chance, requests: u64, noise: f64) -> Option<usize> {
    let mut run = pooled(noise);
    let at = (0..LONGEST).find(|_| {
        run = run.with(chance.errors(requests, GOOD, 1.0), requests);
        run.state() != State::Undecided
    });
    at.filter(|_| run.state() == State::Good).map(|at| at + 1)
}

fn rates(minutes: &[(u64, u64)]) -> Vec<f64> {
    minutes.iter().map(|(errors, requests)| *errors as f64 / *requests as f64).collect()
}

/// How many were found, and when.
fn summary(mut found: Vec<Option<usize>>, repetitions: usize) -> String {
    found.retain(Option::is_some);
    found.sort();
    let minutes: Vec<usize> = found.into_iter().flatten().collect();
    let rate = percent(minutes.len(), repetitions);
    match minutes.get(minutes.len() * 95 / 100) {
        Some(late) => format!("{rate}, {:.1} / {late}", minutes.iter().sum::<usize>() as f64 / minutes.len() as f64),
        None => format!("{rate}, -"),
    }
}

fn percent(part: usize, of: usize) -> String {
    format!("{:.2} %", 100.0 * part as f64 / of as f64)
}
