//! The words about services that failed alike: how many they are, who, and what is said of one of them.

use super::render::count;
use crate::domain::causes::Cause;

/// Services that are named; the others are counted.
const NAMED_MAX: usize = 3;

/// One paragraph for one cause. The words are those of the first service, and it is said that they are.
pub(super) fn cause(cause: &Cause) -> String {
    let Some(example) = cause.example() else { return String::new() };
    let said: Vec<&str> = cause.lines.iter().chain(&cause.log).map(String::as_str).collect();
    let said = said.join("; ");
    let number = cause.services.len();
    if number == 1 {
        return format!("{example}: {said}");
    }
    let named: Vec<String> = cause.services.iter().take(NAMED_MAX).map(ToString::to_string).collect();
    let more = match number - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{} alike ({}{more}), for example {example}: {said}", count(number, "service"), named.join(", "))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::domain::causes::causes;
    use crate::domain::ids::ServiceKey;

    fn key(tenant: &str) -> ServiceKey {
        ServiceKey::try_from(format!("{tenant}/iam-service")).unwrap()
    }

    #[test]
    fn two_hundred_tenants_with_one_cause_are_one_paragraph_and_the_one_with_another_is_not_lost() {
        let ended = |tenant: usize| {
            let line = "container iam-service ended with error 1: Essential container in task exited";
            (key(&format!("tenant-{tenant:03}")), vec![format!("{line} ({} tasks)", 2 + tenant % 3)])
        };
        let secret = "a secret cannot be read: it is missing, the execution role may not read it, or there is no route: \
                      ResourceInitializationError: arn:aws:secretsmanager:eu-west-1:1:secret:accessos-prod-hooli-db-x1Y2z3";
        let mut said: BTreeMap<_, _> = (0..200).map(ended).collect();
        said.insert(key("hooli"), vec![secret.to_owned()]);
        let mut causes = causes(&said);
        causes[0].log = vec!["iam-service | FATAL: relation \"tenants\" does not exist".to_owned()];
        let words: Vec<String> = causes.iter().map(super::cause).collect();
        insta::assert_snapshot!(words.join("\n"), @r#"
        200 services alike (tenant-000/iam-service, tenant-001/iam-service, tenant-002/iam-service and 197 more), for example tenant-000/iam-service: container iam-service ended with error 1: Essential container in task exited (2 tasks); iam-service | FATAL: relation "tenants" does not exist
        hooli/iam-service: a secret cannot be read: it is missing, the execution role may not read it, or there is no route: ResourceInitializationError: arn:aws:secretsmanager:eu-west-1:1:secret:accessos-prod-hooli-db-x1Y2z3
        "#);
    }
}
