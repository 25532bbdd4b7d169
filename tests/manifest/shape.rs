//! Keys, kinds and words: what the JSON Schema knows.

use super::told;

#[test]
fn a_file_that_is_no_map() {
    insta::assert_snapshot!(told("is-a-list.yaml"), @"is-a-list.yaml:1:1: the file is a list; it must be a map");
}

#[test]
fn inv_34_unknown_keys_name_the_nearest_or_where_they_belong() {
    insta::assert_snapshot!(told("keys.yaml"), @r#"
    keys.yaml:3:1: unknown key ``; known here: app, cells, control_plane, domain, fleets, gates, images, schema, services, tenants, versioning
    keys.yaml:4:1: unknown key `whatever`; known here: app, cells, control_plane, domain, fleets, gates, images, schema, services, tenants, versioning
    keys.yaml:9:43: unknown key `afetr`; did you mean `after`?
    keys.yaml:16:71: `max(25%` is no cap; write it as "max(25%, 6)", 25% or 6
    keys.yaml:16:80: `6)` was read as a key; put the value before it in quotes: inside { } a comma ends it
    keys.yaml:16:86: unknown key `bake_tme`; did you mean `bake`?
    keys.yaml:16:100: unknown key `rollout`; it belongs in a gate
    keys.yaml:20:31: unknown key `percent`; it belongs in select
    keys.yaml:20:43: unknown key `from`; it belongs in a fleet or a freeze or a window
    "#);
}

#[test]
fn wrong_kinds_and_numbers_that_are_read_in_several_ways() {
    insta::assert_snapshot!(told("kinds.yaml"), @r#"
    kinds.yaml:1:9: `schema` is `one`; it must be a whole number, in digits alone
    kinds.yaml:6:20: `services.api.build` is a list; it must be a text or a map
    kinds.yaml:6:33: `services.api.port` is `70000`; it must be a whole number up to 65535, in digits alone
    kinds.yaml:7:50: `services.worker.after` is `api`; it must be a list
    kinds.yaml:9:87: `cells.dev-1.tenants_max` is `0123`; it must be a whole number, in digits alone
    kinds.yaml:10:68: `cells.prod-1.clusters[0]` is a list; it must be a text
    kinds.yaml:10:90: `cells.prod-1.tenants_max` is `1_000`; it must be a whole number, in digits alone
    kinds.yaml:12:23: `gates.default.rollout` is a list; it must be a map
    kinds.yaml:14:73: `fleets.dev.waves.first` is `1e3`; it must be a whole number, in digits alone
    kinds.yaml:14:86: `fleets.dev.waves.factor` is `-1`; it must be a whole number, in digits alone
    kinds.yaml:14:108: `fleets.dev.failure_budget` is `99999999999999999999`; it must be a whole number, in digits alone
    kinds.yaml:15:67: `fleets.prod.waves` is `auto`; it must be a map or a list
    kinds.yaml:15:134: `fleets.prod.approval.not_author` is the text "true"; it must be true or false
    kinds.yaml:19:13: `tenants.entries[1].id` has no value; give it one, or leave the key out
    kinds.yaml:20:13: `tenants.entries[2].id` has no value; give it one, or leave the key out
    "#);
}

#[test]
fn inv_34_unknown_words_are_told_with_those_that_are_known() {
    insta::assert_snapshot!(told("words.yaml"), @r"
    words.yaml:4:50: `images.builder` is `bulidx`; did you mean `buildx`? it can be auto, buildx, docker, buildah
    words.yaml:4:66: `images.attest` is `always`; it can be require, warn, off
    words.yaml:5:21: `versioning.bump` is `major`; it can be labels, conventional, patch
    words.yaml:8:37: `services.worker.traffic` is `None`; did you mean `none`? it can be none
    words.yaml:13:51: `gates.default.unknown` is `pass`; it can be hold, fail
    words.yaml:13:77: `gates.default.targets.healthy` is `some`; it can be all, ignore
    words.yaml:15:38: `fleets.dev.deploy_on` is `merged`; did you mean `merge`? it can be merge, label, dispatch
    words.yaml:15:122: `fleets.dev.license.expired` is `forgive`; it can be release, exclude, pause
    words.yaml:16:50: `fleets.prod.deploy_on` is a list; it can be merge, label, dispatch
    words.yaml:16:112: `fleets.prod.on_failure` is `rollback`; did you mean `rollback-all`? it can be stop, rollback-tenant, rollback-wave, rollback-all
    words.yaml:19:38: `tenants.entries[0].state` is `pasued`; did you mean `paused`? it can be active, paused, offboarding
    words.yaml:19:59: `tenants.entries[0].data.rds` is `own`; it can be schema, database
    ");
}

#[test]
fn what_must_be_there() {
    insta::assert_snapshot!(told("missing.yaml"), @r"
    missing.yaml:1:1: the file has no `app`; add it
    missing.yaml:8:3: `cells.dev-1` has no `region`; add it
    missing.yaml:11:42: `gates.default.probe` has no `url`; add it
    missing.yaml:14:49: `fleets.prod.freezes[0]` has no `to`; add it
    missing.yaml:14:49: `fleets.prod.freezes[0]` has no `zone`; add it
    missing.yaml:14:100: `fleets.prod.windows[0]` has no `zone`; add it
    missing.yaml:19:34: `tenants.entries[2].pin` has no `owner`; add it
    missing.yaml:20:7: `tenants.entries[3]` has no `id`; add it
    ");
}

#[test]
fn texts_that_other_yaml_readers_would_change() {
    insta::assert_snapshot!(told("quotes.yaml"), @r#"
    quotes.yaml:9:22: `cells.dev-1.account` is `011111111111`, which YAML readers take for a number; put it in quotes
    quotes.yaml:15:72: `9:00` is no time of day; write it as "09:00"
    quotes.yaml:15:72: `fleets.prod.windows[0].from` is `9:00`, which YAML readers take for a number; put it in quotes
    quotes.yaml:18:37: `tenants.entries[0].tier` is `no`, which YAML readers take for true or false; put it in quotes
    quotes.yaml:18:48: `tenants.entries[0].tags[0]` is `on`, which YAML readers take for true or false; put it in quotes
    quotes.yaml:18:52: `tenants.entries[0].tags[1]` is `1.10`, which YAML readers take for a number; put it in quotes
    quotes.yaml:18:58: `tenants.entries[0].tags[2]` is `1e3`, which YAML readers take for a number; put it in quotes
    quotes.yaml:19:13: `tenants.entries[1].id` is `012`, which YAML readers take for a number; put it in quotes
    quotes.yaml:19:13: tenant id `012`; it must be 2 to 31 of a-z, 0-9 and single hyphens, beginning with a letter
    quotes.yaml:20:40: `tenants.entries[2].host` has no value; give it one, or leave the key out
    quotes.yaml:20:59: `tenants.entries[2].pin.version` is `1.10`, which YAML readers take for a number; put it in quotes
    quotes.yaml:20:59: version `1.10`; it must be SemVer, such as 1.4.0 or 1.4.1-main.57.ab12cd3
    "#);
}

#[test]
fn problems_of_several_files_are_told_together() {
    insta::assert_snapshot!(told("includes.yaml"), @r"
    more/one.yaml:2:11: tenant `globex` is listed twice (first at includes.yaml:21); remove one
    more/one.yaml:3:25: no fleet is called `pord`; did you mean `prod`?
    more/two.yaml:1:1: unknown key `entires`; did you mean `entries`?
    more/two.yaml:2:11: tenant `acme` is listed twice (first at includes.yaml:19); remove one
    more/two.yaml:3:18: unknown key `flete`; did you mean `fleet`?
    more/two.yaml:3:36: `entries[1].tier` is `yes`, which YAML readers take for true or false; put it in quotes
    ");
}

#[test]
fn an_include_that_names_no_file() {
    insta::assert_snapshot!(told("includes-nothing.yaml"), @"includes-nothing.yaml:17:12: `nowhere/*.yml`: nowhere: No such file or directory (os error 2); name files such as tenants/*.yaml");
}
