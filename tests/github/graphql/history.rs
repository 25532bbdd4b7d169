//! `Commit.history`: what was merged. The fake's repository is one line of pull requests, merged in the order of their
//! numbers; a commit that came by none stands alone.

use serde_json::{Value, json};

use super::query::Field;
use crate::github::repository::Repository;
use crate::github::seed::PullRequest;

/// The commit of that id, if a pull request made it or it was made here.
pub(super) fn object(repo: &Repository, field: &Field) -> Value {
    let Some(oid) = field.text("oid").filter(|oid| repo.objects.has_commit(oid)) else { return Value::Null };
    let mut merged: Vec<&PullRequest> = repo.pulls.iter().filter(|pull| pull.merged).collect();
    merged.sort_by_key(|pull| std::cmp::Reverse(pull.number));
    let from = merged.iter().position(|pull| pull.merge_commit_sha.as_deref() == Some(oid));
    let nodes: Vec<Value> = match from {
        Some(from) => merged[from..].iter().filter_map(|pull| commit(repo, pull)).collect(),
        None => vec![json!({"oid": oid, "message": "Made elsewhere", "associatedPullRequests": {"nodes": []}})],
    };
    let first = field.child("history").and_then(|history| history.arguments.get("first")?.as_u64()).unwrap_or(100);
    let first = usize::try_from(first).unwrap();
    let after = field.child("history").and_then(|history| history.text("after"));
    let start = nodes.iter().position(|node| node["oid"].as_str() == after).map_or(0, |at| at + 1);
    let page = &nodes[start..nodes.len().min(start + first)];
    json!({"history": {
        "nodes": page,
        "pageInfo": {
            "hasNextPage": start + page.len() < nodes.len(),
            "endCursor": page.last().map(|node| node["oid"].clone()),
        },
    }})
}

fn commit(repo: &Repository, pull: &PullRequest) -> Option<Value> {
    let oid = pull.merge_commit_sha.as_ref()?;
    let labels = repo.issues.labels(pull.number).unwrap_or_default();
    Some(json!({
        "oid": oid,
        "message": format!("{} (#{})", pull.title, pull.number),
        "associatedPullRequests": {"nodes": [{
            "number": pull.number,
            "title": pull.title,
            "author": {"login": pull.author},
            "labels": {"nodes": labels.iter().map(|name| json!({"name": name})).collect::<Vec<_>>()},
            "merged": true,
            "mergeCommit": {"oid": oid},
            "headRefOid": pull.head_sha,
        }]},
    }))
}
