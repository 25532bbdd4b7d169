//! What YAML allows and nobody should write, and what is no YAML.

use super::told;

#[test]
fn a_tab_in_the_indentation() {
    insta::assert_snapshot!(told("tabs.yaml"), @r"
    tabs.yaml:3:1: the key `app` stands twice (first in line 2); remove one
    tabs.yaml:15:1: a tab in the indentation, which YAML does not allow; use blanks
    ");
}

#[test]
fn a_bracket_that_is_not_closed() {
    insta::assert_snapshot!(told("unclosed.yaml"), @"unclosed.yaml:9:72: this is no YAML: while parsing a flow sequence, expected ',' or ']'; look at the quotes, brackets and indentation here and in the line before");
}

#[test]
fn a_quote_that_is_not_closed() {
    insta::assert_snapshot!(told("quote.yaml"), @"quote.yaml:3:9: this is no YAML: invalid indentation in quoted scalar; look at the quotes, brackets and indentation here and in the line before");
}

#[test]
fn two_documents_in_one_file() {
    insta::assert_snapshot!(told("two-documents.yaml"), @r"
    two-documents.yaml:3:9: `shop` is no host name; small letters, digits, hyphens and dots, such as access.example.com
    two-documents.yaml:16:1: unknown key `tenents`; did you mean `tenants`?
    two-documents.yaml:22:1: a second document, and only one is read; keep one in this file
    ");
}

#[test]
fn anchors_aliases_merge_keys_tags_and_keys_that_stand_twice() {
    insta::assert_snapshot!(told("anchors.yaml"), @r"
    anchors.yaml:6:8: anchors are not read; write the value out where it is needed
    anchors.yaml:7:11: aliases are not read; write the value out
    anchors.yaml:8:13: merge keys are not read; write the keys out
    anchors.yaml:8:17: aliases are not read; write the value out
    anchors.yaml:10:46: tags are not read; remove it; quotes make a text of anything
    anchors.yaml:10:63: the key `region` stands twice (first in line 10); remove one
    anchors.yaml:15:27: unknown key `deploy_no`; did you mean `deploy_on`?
    ");
}
