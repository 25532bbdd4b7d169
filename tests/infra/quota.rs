//! `quota` by fleet.yaml alone, and the refusal of more tenants than a cell can ever hold.
#![expect(clippy::disallowed_methods, reason = "a test reads and writes files")]

use std::fs;

use super::export::tidegate;

#[test]
fn what_breaks_first_is_told_by_the_file_alone() {
    let (code, said) = tidegate(&["quota", "--declared", "--cell", "prod-1", "--growth", "10"]);
    assert_eq!(code, 0);
    insta::assert_snapshot!(said, @"
    prod-1: 9 tenants of 400
     quota                                                            used     of              %   next cell at  tenants left  ever
     IAM roles                                                        59       1000 (default)  6   60 %          156           832 (at 5000)
     scalable targets                                                 49       3000 (default)  2   70 %          590
     target groups                                                    39       3000 (default)  1   70 %          740
     services of one ECS cluster                                      49       5000 (default)  1   70 %          990           999 (at 5000)
     load balancers                                                   1        50 (default)    2   70 %          991
     security groups                                                  12       2500 (default)  0   70 %          2488
     Fargate vCPUs, with a quarter of the tenants starting anew       unknown  6 (default)         70 %
     target groups of one load balancer                               39       100 (default)   39  100 %
     rules of one load balancer                                       48       100 (default)   48  100 %
     network interfaces, with a quarter of the tenants starting anew  unknown  5000 (default)      70 %
    breaks first: IAM roles, after 156 tenants more, in 16 months at 10.0 tenants a month
    ");
}

#[test]
fn more_tenants_than_a_cell_can_hold_are_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let file = folder.path().join("fleet.yaml");
    let text = fs::read_to_string("fleet.yaml").unwrap();
    fs::write(&file, text.replace("tenants_max: 400", "tenants_max: 8")).unwrap();
    let file = file.to_str().unwrap();
    let (code, said) = tidegate(&["tenants", "export", "--dir", dir, "--file", file]);
    assert_eq!(code, 2);
    insta::assert_snapshot!(said, @"
    prod-1 has 9 tenants in fleet.yaml, and room for 8 by tenants_max [cell_full]
      give the newest tenants another cell: an account or a Region of its own (`tidegate quota`)
    ");
    assert!(!folder.path().join("prod/fleet.auto.tfvars.json").exists());
    let (code, _) = tidegate(&["quota", "--declared", "--file", file]);
    assert_eq!(code, 2);
}

#[test]
fn a_cell_that_is_not_there_is_said() {
    let (code, said) = tidegate(&["quota", "--declared", "--cell", "nowhere"]);
    assert_eq!(code, 2);
    assert!(said.contains("fleet.yaml has no cell `nowhere`"), "{said}");
}
