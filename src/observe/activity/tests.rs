use super::super::metrics::Kind;
use super::*;
use crate::domain::Frn;

fn provider(value: u64) -> Who {
    Who::Provider(Identity::Frn(Frn::from_value(value).expect("ten digits")))
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).expect("a time")
}

/// Ticks once a second from now on.
struct Clock {
    activity: Activity,
    metrics: Metrics,
    begin: Instant,
    second: i64,
}

impl Clock {
    fn new() -> Self {
        let clock =
            Self { activity: Activity::default(), metrics: Metrics::default(), begin: Instant::now(), second: 0 };
        clock.activity.tick(&clock.metrics, at(0), clock.begin);
        clock
    }

    fn tick(&mut self) -> Arc<Frame> {
        self.second += 1;
        let second = u64::try_from(self.second).expect("few");
        self.activity.tick(&self.metrics, at(self.second), self.begin + Duration::from_secs(second));
        self.activity.watch(1).0.pop().expect("a frame")
    }

    fn refuse(&self, interface: Interface, of: u64, times: u64) {
        self.metrics.decided(Kind::of(interface, Verdict::Refuse, Reason::Removed, None), times);
        self.metrics.took(interface, Duration::from_micros(8), times);
        (0..times).for_each(|_| self.activity.refused(&provider(of), None));
    }
}

#[test]
fn a_frame_has_what_came_within_its_second_and_nothing_of_what_came_before() {
    let mut clock = Clock::new();
    clock.refuse(Interface::Http, 7, 5);
    clock.refuse(Interface::GrpcUnary, 8, 2);
    clock.metrics.decided(Kind::of(Interface::Http, Verdict::Accept, Reason::Listed, ROLES[1]), 40);
    clock.metrics.not_decided(Interface::Http, Some(ErrorReason::InvalidFrn), 3);
    clock.activity.asked(47, || Asker::User(0));
    let frame = clock.tick();
    assert_eq!(frame.lasted, Duration::from_secs(1));
    assert_eq!(frame.counts.decided, [(Verdict::Accept, Reason::Listed, 40), (Verdict::Refuse, Reason::Removed, 7)]);
    assert_eq!(frame.counts.errors, [(Some(ErrorReason::InvalidFrn), 3)]);
    assert_eq!(frame.counts.took.count(), 7);
    let refused: Vec<_> = frame.refused.iter().map(|of| (of.key.clone(), of.count)).collect();
    let upstream = |of| match provider(of) {
        Who::Provider(identity) => Upstream::Provider(identity),
        _ => unreachable!("a provider"),
    };
    assert_eq!(refused, [(upstream(7), 5), (upstream(8), 2)]);
    assert_eq!(frame.askers.iter().map(|of| (of.key.clone(), of.count)).collect::<Vec<_>>(), [(Asker::User(0), 47)]);
    let quiet = clock.tick();
    assert_eq!((&quiet.counts, quiet.refused.len(), quiet.askers.len()), (&Counts::default(), 0, 0));
}

#[test]
fn what_people_ask_is_no_call() {
    let mut clock = Clock::new();
    clock.metrics.decided(Kind::of(Interface::Cli, Verdict::Refuse, Reason::Removed, None), 5);
    clock.metrics.not_decided(Interface::Cli, None, 5);
    assert_eq!(clock.tick().counts, Counts::default());
}

#[test]
fn five_minutes_are_kept_and_an_hour_in_sum() {
    let mut clock = Clock::new();
    for _ in 0..2 * SECONDS {
        clock.refuse(Interface::Http, 7, 1);
        clock.tick();
    }
    let (frames, _) = clock.activity.watch(usize::MAX);
    assert_eq!((frames.len(), frames[0].at), (SECONDS, at(SECONDS as i64 + 1)));
    let hour = clock.activity.last_hour().expect("it runs");
    assert_eq!((hour.since, hour.counts.with_verdict(Verdict::Refuse)), (at(1), 2 * SECONDS as u64));
    assert_eq!(hour.refused.iter().map(|of| of.count).collect::<Vec<_>>(), [2 * SECONDS as u64]);
    for _ in 0..MINUTES * 60 {
        clock.tick();
    }
    let hour = clock.activity.last_hour().expect("it runs");
    assert_eq!((hour.counts.with_verdict(Verdict::Refuse), hour.refused.len()), (0, 0), "it is over");
}

#[test]
fn where_very_many_come_one_in_many_counts_for_all_of_them() {
    let mut clock = Clock::new();
    let many = (ONE_BY_ONE + 100 * ONE_IN) as u64;
    clock.refuse(Interface::GrpcStream, 7, many);
    let frame = clock.tick();
    assert_eq!(frame.counts.with_verdict(Verdict::Refuse), many, "what is counted is exact");
    assert_eq!(frame.refused[0].count, many, "and so is this, but for whom it falls on");
    clock.refuse(Interface::GrpcStream, 8, 1);
    assert_eq!(clock.tick().refused[0].count, 1, "the next second begins anew");
}

#[test]
fn whoever_watches_is_told_each_second() {
    let mut clock = Clock::new();
    clock.tick();
    let (past, mut newest) = clock.activity.watch(SECONDS);
    assert_eq!(past.len(), 1);
    assert!(!newest.has_changed().expect("it runs"));
    clock.tick();
    assert!(newest.has_changed().expect("it runs"));
    assert_eq!(newest.borrow_and_update().as_ref().map(|frame| frame.at), Some(at(2)));
}
