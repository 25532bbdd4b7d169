//! What a schema cannot know: names that resolve, orders, dates, and who is in which wave.

use super::{told, told_of};

#[test]
fn yaml_shape_and_meaning_are_told_together() {
    insta::assert_snapshot!(told("all-levels.yaml"), @r"
    all-levels.yaml:3:1: the key `app` stands twice (first in line 2); remove one
    all-levels.yaml:8:51: no service is called `ap`; did you mean `api`?
    all-levels.yaml:13:25: unknown key `dedline`; did you mean `deadline`?
    all-levels.yaml:13:34: `15` is no length of time; write it as 45s, 30m or 1h 30m
    all-levels.yaml:15:111: the key `bake` stands twice (first in line 15); remove one
    all-levels.yaml:16:34: no fleet is called `development`; did you mean `dev`?
    all-levels.yaml:16:111: `percent` is 150; from 1 to 100
    all-levels.yaml:16:127: no gate is called `defualt`; did you mean `default`?
    all-levels.yaml:21:34: unknown key `teir`; did you mean `tier`?
    all-levels.yaml:21:40: `tenants.entries[2].tier` is `no`, which YAML readers take for true or false; put it in quotes
    all-levels.yaml:21:44: unknown key `colour`; known here: also_in, cell, cluster, data, email_domains, fleet, host, id, leaves, license, pin, state, tags, tier, token_keys
    all-levels.yaml:21:74: `tenants.entries[2].pin.version` is `1.10`, which YAML readers take for a number; put it in quotes
    all-levels.yaml:21:74: version `1.10`; it must be SemVer, such as 1.4.0 or 1.4.1-main.57.ab12cd3
    all-levels.yaml:21:98: `tenants.entries[2].pin.reason` is `y`, which YAML readers take for true or false; put it in quotes
    all-levels.yaml:21:108: `soon` is no date; write it as 2027-06-30
    ");
}

#[test]
fn services_their_order_and_their_folders() {
    insta::assert_snapshot!(told("services.yaml"), @r"
    services.yaml:4:23: `Shop/{name}` is no image repository; lower-case letters and digits, with `.`, `_`, `-` and `/` between them; the registry is the cell's
    services.yaml:4:23: it has no `{service}`; every service needs a repository of its own
    services.yaml:4:55: the path `../lib` leaves the repository; write it from the repository's top, without `..`
    services.yaml:4:75: no platform; name one, such as linux/amd64
    services.yaml:6:22: the path `../api` leaves the repository; write it from the repository's top, without `..`
    services.yaml:6:68: no service is called `wroker`; did you mean `worker`?
    services.yaml:7:39: `traffic: none` beside `port` or `health`; remove the one or the others
    services.yaml:8:33: the path `/mail` leaves the repository; write it from the repository's top, without `..`
    services.yaml:8:52: the path `../Dockerfile` leaves the repository; write it from the repository's top, without `..`
    services.yaml:8:81: the path `~/x` leaves the repository; write it from the repository's top, without `..`
    services.yaml:8:112: services wait for each other: mailer -> worker -> mailer; take one `after` out of the circle
    services.yaml:9:3: `services.search` says neither `port` and `health` nor `traffic: none`; say how it is seen to be well; unknown is not healthy
    services.yaml:9:50: services wait for each other: search -> search; take one `after` out of the circle
    services.yaml:10:38: port 0; name the port the container listens on
    services.yaml:11:51: `healthz` is no path; it begins with /
    services.yaml:11:68: services wait for each other: archive -> invoices -> archive; take one `after` out of the circle
    services.yaml:12:3: service name `Reports`; it must be 2 to 40 of a-z, 0-9 and single hyphens, beginning with a letter
    services.yaml:15:5: `worker` is a tenant's service already (services.yaml:7); give it a name of its own: images are named by service
    ");
}

#[test]
fn cells_and_the_fleets_that_share_them() {
    insta::assert_snapshot!(told("cells.yaml"), @r"
    cells.yaml:9:22: account `1111` is not twelve digits; write it in quotes, or a leading 0 is lost
    cells.yaml:9:59: no cluster; name the ECS cluster the tenants run in
    cells.yaml:9:69: the role is of account 222222222222 and the cell of account 1111; name the role of the cell's own account
    cells.yaml:9:115: endpoint `localhost:4566` is no URL; it begins with https:// or http://
    cells.yaml:10:3: cell name `Prod`; it must be 2 to 32 of a-z, 0-9 and single hyphens, beginning with a letter
    cells.yaml:10:76: `deployer` is no role's ARN; it looks like arn:aws:iam::111111111111:role/name
    cells.yaml:16:27: no cell is called `prod-2`; did you mean `prod-1`?
    cells.yaml:17:19: account 222222222222 is fleet `prod`'s already; dev and prod never share an account: give each fleet cells of its own
    cells.yaml:18:18: no cell; name the account and Region it lives in
    cells.yaml:24:13: fleet `prod` has several cells and `hooli` names none; add `cell:` with one of prod-1, prod-2
    cells.yaml:25:13: fleet `prod` has several cells and `globex` names none; add `cell:` with one of prod-1, prod-2
    ");
}

#[test]
fn gates() {
    insta::assert_snapshot!(told("gates.yaml"), @r"
    gates.yaml:13:26: `1 hour 5` is no length of time; write it as 45s, 30m or 1h 30m
    gates.yaml:14:19: `{host}/{helth}/{service` is no URL; it begins with https:// or http://
    gates.yaml:14:19: unknown placeholder `{helth}`; there are: {host}, {health}, {tenant}, {service}, {fleet}
    gates.yaml:14:53: a probe every 0s; leave time between two, such as 10s
    gates.yaml:16:23: `{fleet}-{tennant}-` would read every alarm of the account; begin it with a text of your own, such as shop-{fleet}-{tenant}-
    gates.yaml:16:23: unknown placeholder `{tennant}`; there are: {fleet}, {tenant}
    gates.yaml:17:30: `1%` is no better than `0.1%`; a bad rate is above the good one and below 100%, such as good: 0.1%, bad: 1%
    gates.yaml:18:25: `100us` is below what can be measured; write it in whole milliseconds, such as 800ms
    gates.yaml:18:42: `6 of 5` are no minutes; write it as 3 of 5, at most 60
    gates.yaml:19:17: neither `cpu_max` nor `memory_max`; say at least one, such as memory_max: 90%
    gates.yaml:20:25: `0%` is no part; write it as 0.1%, from 0.0001% to 100%
    gates.yaml:21:21: no program; name one, such as run: [./gates/smoke]
    gates.yaml:21:34: `soon` is no length of time; write it as 45s, 30m or 1h 30m
    gates.yaml:22:25: `2` is no length of time; write it as 45s, 30m or 1h 30m
    gates.yaml:22:38: `31d` is no length of time; write it as 45s, 30m or 1h 30m
    gates.yaml:24:21: `little` is no part; write it as 0.1%, from 0.0001% to 100%
    gates.yaml:24:34: `1` is no part; write it as 0.1%, from 0.0001% to 100%
    gates.yaml:26:28: `120%` is no part; write it as 0.1%, from 0.0001% to 100%
    gates.yaml:27:34: `31d` is no length of time; write it as 45s, 30m or 1h 30m
    gates.yaml:27:88: `often` is no length of time; write it as 45s, 30m or 1h 30m
    ");
}

#[test]
fn fleets_their_circle_and_their_calendar() {
    insta::assert_snapshot!(told("fleets.yaml"), @r#"
    fleets.yaml:17:11: fleets are promoted from each other: dev -> stage -> dev; one fleet comes first, without `from`
    fleets.yaml:18:16: `deploy_on: label` without `label`; say which, such as label: promote:prod
    fleets.yaml:20:11: `5` is no length of time; write it as 45s, 30m or 1h 30m
    fleets.yaml:21:11: `5mn` is no length of time; write it as 45s, 30m or 1h 30m
    fleets.yaml:22:11: no gate is called `defualt`; did you mean `default`?
    fleets.yaml:26:11: no fleet is called `staging`; there are: dev, prod, stage
    fleets.yaml:28:12: a label that nothing waits for; write `deploy_on: label`, or remove it
    fleets.yaml:29:13: `Shop` is no host name; small letters, digits, hyphens and dots, such as access.example.com
    fleets.yaml:31:17: `monday` are no days; write them as mon-thu, mon or mon,wed,fri
    fleets.yaml:31:31: `9 am` is no time of day; write it as "09:00"
    fleets.yaml:31:43: `25:00` is no time of day; write it as "09:00"
    fleets.yaml:31:58: no time zone is called `Europe/Berln`; use an IANA name, such as Europe/Berlin
    fleets.yaml:32:17: `fri-mon` are no days; write them as mon-thu, mon or mon,wed,fri
    fleets.yaml:32:45: the window ends before it begins; for a night, write two windows
    fleets.yaml:34:33: the freeze ends before it begins; both days are part of it
    fleets.yaml:35:17: `2026-02-30` is no date; write it as 2026-12-20
    fleets.yaml:35:33: `soon` is no date; write it as 2026-12-20
    fleets.yaml:35:45: no time zone is called `Moon/Crater`; use an IANA name, such as Europe/Berlin
    fleets.yaml:37:11: `1h 30` is no length of time; write it as 45s, 30m or 1h 30m
    fleets.yaml:38:11: `1000h` is no length of time from 0s to 30 days; write it as 45s, 30m or 1h 30m
    fleets.yaml:41:3: fleet `stage` has no tenant; add one with `fleet:` and this name, or remove the fleet
    fleets.yaml:41:91: `-5m` is no length of time from 0s to 30 days; write it as 45s, 30m or 1h 30m
    "#);
}

#[test]
fn what_a_wave_takes() {
    insta::assert_snapshot!(told("waves.yaml"), @r#"
    waves.yaml:15:73: `first` is 0; it is at least 1
    waves.yaml:15:84: `factor` is 0; it is at least 1
    waves.yaml:15:92: `max(6)` is no cap; write it as "max(25%, 6)", 25% or 6
    waves.yaml:16:67: no wave; list some, or write `plan: auto`
    waves.yaml:21:39: no tenant of this fleet has the tag `canray`; did you mean `canary`?
    waves.yaml:22:40: no tenant of this fleet has the tier `gold`; a wave of nobody protects nobody
    waves.yaml:23:43: `percent` is 150; from 1 to 100
    waves.yaml:24:43: 10 % of 2 tenants is nobody; write `count: 1`
    waves.yaml:25:41: a wave of 0 tenants; leave the wave out, or take some
    waves.yaml:26:39: a wave of nobody; name some tenants, or leave the wave out
    waves.yaml:27:40: no tenant of this fleet is called `strak`; did you mean `stark`?
    waves.yaml:27:54: tenant `wayne` is listed twice; remove one
    waves.yaml:28:32: a wave selects in one way; keep one of tag, tier, percent, count, ids
    waves.yaml:29:9: wave `nine` must say either `select` or `plan: auto`; select by tag, tier, percent, count or ids
    waves.yaml:30:9: wave `ten` must say either `select` or `plan: auto`; select by tag, tier, percent, count or ids
    waves.yaml:31:43: `first` is 7, and of 2 tenants `cap` lets 6 into a wave; begin with fewer
    waves.yaml:31:51: `200%` is no cap; write it as "max(25%, 6)", 25% or 6
    "#);
}

#[test]
fn who_is_in_which_wave() {
    insta::assert_snapshot!(told("cover.yaml"), @r"
    cover.yaml:17:53: every tenant is in the first wave; a canary wave is a few tenants
    cover.yaml:18:67: in no wave: globex, t08, t09, t10, t11, u01, u02, u03, u04, u05 and 3 more; end with a wave that says `plan: auto`
    cover.yaml:18:68: the first wave takes 7 of 21 tenants; it may take 6: a quarter, or 6 if that is more
    cover.yaml:18:136: tenant `t01` is in wave `big` already; keep it in one
    cover.yaml:18:136: tenant `t02` is in wave `big` already; keep it in one
    cover.yaml:19:107: a second wave `one`; give it a name of its own
    cover.yaml:20:120: wave `some` may already have taken tenants of this one; put waves by tag, tier or ids before those by percent or count
    cover.yaml:21:99: nobody is left for wave `rest`; the waves before it take everybody; remove it or take less there
    ");
}

#[test]
fn tenants_and_no_wave_is_blamed_for_them() {
    insta::assert_snapshot!(told("tenants.yaml"), @r"
    tenants.yaml:20:13: tenant `acme` is listed twice (first at tenants.yaml:18); remove one
    tenants.yaml:21:13: tenant `HOOLI` is listed twice (first at tenants.yaml:19); remove one
    tenants.yaml:22:13: `prod` is reserved; it would read as something else on a command line
    tenants.yaml:23:13: tenant id `\u{430}cme`; it must be 2 to 31 of a-z, 0-9 and single hyphens, beginning with a letter
    tenants.yaml:24:13: tenant id `init\u{200b}ech`; it must be 2 to 31 of a-z, 0-9 and single hyphens, beginning with a letter
    tenants.yaml:25:13: tenant id `a--b`; it must be 2 to 31 of a-z, 0-9 and single hyphens, beginning with a letter
    tenants.yaml:26:13: tenant id `*`; it must be 2 to 31 of a-z, 0-9 and single hyphens, beginning with a letter
    tenants.yaml:27:27: no fleet is called `pord`; did you mean `prod`?
    tenants.yaml:28:39: no cell of its fleet is called `dev-1`; there are: prod-1
    tenants.yaml:28:55: no cluster of its cell is called `prdo`; did you mean `prod`?
    tenants.yaml:28:77: version `1.4`; it must be SemVer, such as 1.4.0 or 1.4.1-main.57.ab12cd3
    tenants.yaml:28:118: `2026-13-01` is no date; write it as 2027-06-30
    tenants.yaml:29:13: the host `globex.shop.example` is taken (at tenants.yaml:19); each tenant needs its own
    tenants.yaml:30:40: `Tyrell Corp` is no host name; small letters, digits, hyphens and dots, such as access.example.com
    tenants.yaml:30:73: `31.12.2026` is no date; write it as 2027-06-30
    tenants.yaml:31:54: `two words` is no name of a plan; write letters, digits and hyphens, at most 64
    ");
}

#[test]
fn what_the_format_has_and_this_version_does_not_do() {
    insta::assert_snapshot!(told("not-yet.yaml"), @r"
    not-yet.yaml:5:41: `images.attest` is not carried out by this version of tidegate; remove it, or use a later version
    ");
}

#[test]
fn tasks_that_run_once() {
    insta::assert_snapshot!(told("tasks.yaml"), @r"
    tasks.yaml:6:56: a `class` without `run: before`; remove it, or add `run: before`
    tasks.yaml:7:3: `services.migrate` says `run: before` and not its `class`; add class: expand, contract or irreversible; it decides whether one can go back
    tasks.yaml:7:51: a task that runs before everything that serves cannot come after `api`; remove it, or let the task come after another task
    tasks.yaml:9:58: `port` of a task that runs once; remove it: its exit code says whether it went well
    tasks.yaml:9:70: `health` of a task that runs once; remove it: its exit code says whether it went well
    tasks.yaml:10:58: `traffic` of a task that runs once; remove it: its exit code says whether it went well
    tasks.yaml:10:81: no service is called `tydy`; did you mean `tidy`?
    tasks.yaml:11:40: a `class` without `run: before`; remove it, or add `run: before`
    tasks.yaml:11:63: `after` of a smoke test, which runs when everything else is up; remove it
    tasks.yaml:11:69: `port` of a task that runs once; remove it: its exit code says whether it went well
    tasks.yaml:12:50: `smoke` runs when everything else is up; remove it
    tasks.yaml:15:5: nothing here serves; name a service beside it: a task runs in its network
    ");
}

#[test]
fn a_smoke_gate_without_a_smoke_test() {
    insta::assert_snapshot!(told("smoke.yaml"), @r"
    smoke.yaml:11:5: `smoke` without a smoke test; give a service `run: after`, or remove this
    smoke.yaml:11:24: no time for a smoke test; say how long one may take, such as 10m
    ");
}

/// A name that would do something in a shell, a workflow's log or a page is no name, and is shown as it was written.
#[test]
fn hostile_tenant_names_are_refused_where_they_stand() {
    let file = include_str!("../../fleet.yaml");
    let line = 1 + file.lines().take_while(|line| !line.contains("id: acme,")).count();
    for hostile in
        ["$(touch /tmp/x)", "`id`", "::error::x", "a\n::set-output name=decision::succeeded", "<b>", "../../x"]
    {
        let name = serde_json::to_string(hostile).unwrap();
        let told = told_of(file.replacen("id: acme,", &format!("id: {name},"), 1).as_bytes());
        assert!(told.contains(&format!("fleet.yaml:{line}:13: ")), "{told}");
        assert!(told.lines().all(|line| line.starts_with("fleet.yaml:") && !line.contains('\u{1b}')), "{told}");
    }
}
