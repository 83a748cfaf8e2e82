//! The way into the notebook.

use std::time::Duration;

use super::graph::Kind;
use super::plan::Life;
use super::{Stack, StackError, resource};
use crate::cloud::Operation;
use crate::settings::Secret;

/// How long after it was made a link can be opened.
pub const LINK_LIFE: Duration = Duration::from_mins(5);
/// How long the session of whoever opened it lasts: a working day's half; SageMaker's limits are half an hour and half
/// a day.
const SESSION_SECONDS: i32 = 4 * 3600;

impl Stack {
    /// Makes a link that lets whoever has it into the notebook: a secret.
    pub async fn notebook_link(&self) -> Result<Secret, StackError> {
        let name = self.names.of(Kind::Notebook);
        let found = resource::of(Kind::Notebook).read(self).await?;
        let closed = |why: String| StackError::NotebookClosed { name: name.to_owned(), why };
        match found.as_ref().map(|found| (&found.life, found.properties.get("power").map(String::as_str))) {
            None => return Err(closed("it is not there: `hydrant notebook up` makes it".to_owned())),
            Some((Life::Failed(why), _)) => {
                return Err(closed(format!("it failed ({why}): `hydrant notebook up` starts it again")));
            }
            Some((Life::Working(what), _)) => {
                return Err(closed(format!("it is {what}: try again in a minute")));
            }
            Some((_, Some("off"))) => {
                return Err(closed("it is stopped: `hydrant notebook up` starts it".to_owned()));
            }
            _ => {}
        }
        let request = self
            .cloud
            .sagemaker
            .create_presigned_notebook_instance_url()
            .notebook_instance_name(name)
            .session_expiration_duration_in_seconds(SESSION_SECONDS);
        // Nothing has to be taken up after a crash here, so it is recorded and not journalled.
        let answer =
            self.cloud.call(Operation::CreatePresignedNotebookInstanceUrl, name, request.send()).await?;
        let link = answer.authorized_url.ok_or_else(|| StackError::OddAnswer(name.to_owned(), "the link"))?;
        Ok(link.into())
    }
}
