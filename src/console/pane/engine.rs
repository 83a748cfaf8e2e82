//! Which engine does the work, as the forms of several panes ask for it: hydrant itself, or Spark somewhere.

use crate::console::widget::dialog::{Dialog, Field};
use crate::settings::EngineName;

/// What hydrant itself is called among the engines.
const OWN: &str = "hydrant";

fn option(engine: EngineName) -> &'static str {
    match engine {
        EngineName::Local => "spark here",
        elsewhere => elsewhere.name(),
    }
}

/// The field. What lies in a bucket is not for Spark on this machine, which reads files.
pub(super) fn field(of_bucket: bool) -> Field {
    let engines = EngineName::ALL.into_iter().filter(|engine| !of_bucket || *engine != EngineName::Local);
    let options = [OWN].into_iter().chain(engines.map(option)).map(str::to_owned).collect();
    Field::Choice { label: "engine".to_owned(), options, chosen: 0 }
}

/// Where Spark is to do it; `None` if hydrant itself is.
pub(super) fn chosen(dialog: &Dialog, field: usize) -> Option<EngineName> {
    let chosen = dialog.text(field);
    EngineName::ALL.into_iter().find(|engine| option(*engine) == chosen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::widget::dialog::Confirm;

    #[test]
    fn every_option_is_the_engine_that_it_names() {
        for (of_bucket, engines) in [(false, 4), (true, 3)] {
            let mut dialog = Dialog::new("", Vec::new(), Confirm::Nothing).with(vec![field(of_bucket)]);
            assert_eq!(chosen(&dialog, 0), None, "hydrant itself, if nobody says otherwise");
            let mut found = Vec::new();
            for at in 1..=engines {
                let Some(Field::Choice { chosen, .. }) = dialog.fields.first_mut() else {
                    panic!("a choice")
                };
                *chosen = at;
                found.push(super::chosen(&dialog, 0).expect("an engine"));
            }
            assert_eq!(found.len(), engines);
            assert_eq!(found.contains(&EngineName::Local), !of_bucket);
        }
    }
}
