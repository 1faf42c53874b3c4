use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn failed(name: &str, cause: &str) -> HealthReport {
    let failure = FailureReport {
        cause: cause.to_owned(),
        error: format!("{name} {cause}"),
        output: String::new(),
        is_final: false,
        heals_after: None,
    };
    HealthReport::test(name, Health::Failed(failure))
}

fn recovered(name: &str) -> HealthReport {
    HealthReport::test(name, Health::Recovered)
}

/// Announces what is due.
fn announce(incidents: &mut Incidents, now: Instant) -> Option<Announcement> {
    incidents.due(now).inspect(|due| incidents.announced(due))
}

fn names(announcement: Option<Announcement>) -> Option<(bool, String)> {
    let announcement = announcement?;
    let names: Vec<_> = announcement.paths.iter().map(WatchPath::name).collect();
    Some((announcement.recovered, names.join(" ")))
}

#[test]
fn one_cause_is_announced_once_and_its_recovery_once() {
    let (mut incidents, now) = (
        Incidents::new(ErrorThreshold::Lasting(10 * SECOND)),
        Instant::now(),
    );
    for name in ["a", "b", "c"] {
        incidents.report(failed(name, "gone"), now);
        incidents.report(failed(name, "gone"), now + SECOND);
    }
    assert_eq!(incidents.next_at(), Some(now + 10 * SECOND));
    assert_eq!(announce(&mut incidents, now + 9 * SECOND), None);
    let later = now + 10 * SECOND;
    assert_eq!(
        names(announce(&mut incidents, later)),
        Some((false, "a b c".to_owned()))
    );
    assert_eq!(
        (announce(&mut incidents, later), incidents.next_at()),
        (None, None)
    );
    incidents.report(failed("d", "gone"), later);
    incidents.report(recovered("a"), later);
    incidents.report(recovered("b"), later);
    incidents.report(recovered("c"), later);
    assert_eq!(announce(&mut incidents, later), None, "d fails");
    incidents.report(recovered("d"), later);
    assert_eq!(
        names(announce(&mut incidents, later)),
        Some((true, "a b c d".to_owned()))
    );
    assert_eq!(announce(&mut incidents, later), None);
}

#[test]
fn a_hiccup_is_not_announced() {
    let (mut incidents, now) = (Incidents::new(ErrorThreshold::Times(3)), Instant::now());
    for _ in 0..5 {
        incidents.report(failed("a", "x"), now);
        incidents.report(failed("a", "x"), now);
        incidents.report(recovered("a"), now);
    }
    assert_eq!(
        (
            announce(&mut incidents, now + 100 * SECOND),
            incidents.next_at()
        ),
        (None, None)
    );
    for _ in 0..3 {
        incidents.report(failed("a", "x"), now);
    }
    assert_eq!(
        names(announce(&mut incidents, now + SECOND)),
        Some((false, "a".to_owned()))
    );
}

#[test]
fn another_cause_goes_on_with_the_time_and_is_no_recovery() {
    let (mut incidents, now) = (
        Incidents::new(ErrorThreshold::Lasting(10 * SECOND)),
        Instant::now(),
    );
    incidents.report(failed("a", "one"), now);
    incidents.report(failed("a", "two"), now + 9 * SECOND);
    assert_eq!(
        names(announce(&mut incidents, now + 10 * SECOND)),
        Some((false, "a".to_owned()))
    );
    incidents.report(failed("a", "three"), now + 11 * SECOND);
    assert_eq!(announce(&mut incidents, now + 60 * SECOND), None);
    incidents.report(recovered("a"), now + 61 * SECOND);
    assert_eq!(
        names(announce(&mut incidents, now + 61 * SECOND)),
        Some((true, "a".to_owned()))
    );
}

#[test]
fn what_is_given_up_is_announced_soon_and_what_is_gone_is_no_recovery() {
    let (mut incidents, now) = (Incidents::new(ErrorThreshold::Times(9)), Instant::now());
    let mut given_up = failed("a", "x");
    if let Health::Failed(failure) = &mut given_up.health {
        failure.is_final = true;
    }
    incidents.report(given_up, now);
    assert_eq!(announce(&mut incidents, now), None, "others may join");
    assert!(announce(&mut incidents, now + GATHER).is_some());
    incidents.report(HealthReport::test("a", Health::Gone), now + SECOND);
    assert_eq!(announce(&mut incidents, now + SECOND), None);
}

#[test]
fn what_keeps_running_heals_by_time() {
    let (mut incidents, now) = (Incidents::new(ErrorThreshold::Times(1)), Instant::now());
    let mut crash = failed("a", "x");
    if let Health::Failed(failure) = &mut crash.health {
        failure.heals_after = Some(10 * SECOND);
    }
    incidents.report(crash.clone(), now);
    assert!(announce(&mut incidents, now + SECOND).is_some());
    incidents.report(crash, now + 9 * SECOND);
    assert_eq!(announce(&mut incidents, now + 11 * SECOND), None);
    assert_eq!(incidents.next_at(), Some(now + 19 * SECOND));
    assert_eq!(
        names(announce(&mut incidents, now + 19 * SECOND)),
        Some((true, "a".to_owned()))
    );
}

#[test]
fn what_could_not_be_announced_is_due_until_its_incident_is_over() {
    let (mut incidents, now) = (Incidents::new(ErrorThreshold::Times(1)), Instant::now());
    incidents.report(failed("a", "x"), now);
    for _ in 0..2 {
        let due = incidents.due(now + SECOND);
        assert_eq!(names(due), Some((false, "a".to_owned())));
    }
    incidents.report(recovered("a"), now + SECOND);
    assert_eq!(incidents.due(now + SECOND), None, "nobody knows of it");
    incidents.report(failed("a", "x"), now);
    assert!(announce(&mut incidents, now + SECOND).is_some());
    incidents.report(recovered("a"), now + SECOND);
    for _ in 0..2 {
        let due = incidents.due(now + SECOND);
        assert_eq!(names(due), Some((true, "a".to_owned())));
    }
}

#[test]
fn failures_that_overlap_are_no_failure_that_lasts() {
    let after = ErrorThreshold::Lasting(10 * SECOND);
    let (mut incidents, now) = (Incidents::new(after), Instant::now());
    let at = |seconds: u32| now + seconds * SECOND;
    // Each fails for 2 s, and the next one before it is well again.
    for second in 0..60 {
        incidents.report(failed(&second.to_string(), "gone"), at(second));
        if let Some(before) = second.checked_sub(1) {
            incidents.report(recovered(&before.to_string()), at(second) + SECOND / 2);
        }
        assert_eq!(announce(&mut incidents, at(second) + SECOND / 2), None);
    }
    assert_eq!(incidents.next_at(), Some(at(69)));
    let failed = announce(&mut incidents, at(69)).unwrap();
    assert_eq!(failed.lasted, 10 * SECOND);
    assert_eq!(names(Some(failed)), Some((false, "59".to_owned())));
    incidents.report(recovered("59"), at(70));
    let over = announce(&mut incidents, at(70)).unwrap();
    assert_eq!(over.lasted, 11 * SECOND);
    assert_eq!(names(Some(over)), Some((true, "59".to_owned())));
}
