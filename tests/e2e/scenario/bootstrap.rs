//! Before anything is released: the world stands, and each answer comes from the right tenant.

use crate::story::Story;
use crate::world::{BOOTSTRAP, Problem, Result, World};

pub(super) async fn play(story: &mut Story, world: &World) -> Result<()> {
    let answers = world.answers().await?;
    story.step(&format!("{} answers", answers.len()));
    story.rows(answers.iter().map(|(place, answer)| format!("{:40} {answer}", place.to_string())));
    for (place, answer) in &answers {
        if !answer.is(200, BOOTSTRAP) || answer.tenant != place.tenant {
            return Err(Problem::new(format!("{place} answers {answer}")));
        }
    }
    if !(world.dev.calls().is_empty() && world.prod.calls().is_empty()) {
        return Err(Problem::new("the world's own calls were taken for tidegate's"));
    }
    Ok(())
}
