//! The first screen of somebody who has no settings and no credentials yet.

use super::action::Action;
use super::app::{Desk, Missing};
use super::canvas::Canvas;
use super::theme::Role;

pub(super) fn draw(missing: &Missing, desk: &Desk, canvas: &mut Canvas<'_>) {
    let signs = canvas.signs();
    canvas.put(2, 0, "Welcome to hydrant.", Role::Strong);
    let mut inside =
        canvas.part(2, 2, canvas.width().saturating_sub(4).min(90), canvas.height().saturating_sub(2));
    let mut y = inside.paragraph(
        0,
        "It runs a pipeline from social streams to topics on AWS, with everything that it needs there. There is \
         nothing to sign in with yet:",
        Role::Text,
    );
    y += 1;
    for (what, there) in &missing.checks {
        let (sign, role) = if *there { (signs.ready, Role::Good) } else { (signs.absent, Role::Warn) };
        inside.line(2, y, &[(sign, role), (" ", Role::Text), (what, Role::Text)]);
        y += 1;
    }
    y += 1;
    inside.put(0, y, "Without an account", Role::Strong);
    inside.line(
        2,
        y + 1,
        &[("hydrant sandbox", Role::Key), ("   everything on this machine, free of charge", Role::Text)],
    );
    inside.put(0, y + 3, "With one", Role::Strong);
    let file = missing.settings_file.display();
    let (writes, tries) = (desk.key(Action::Open), desk.key(Action::Refresh));
    let width = inside.width().saturating_sub(2);
    let mut with = inside.part(2, y + 4, width, inside.height().saturating_sub(y + 4));
    let mut y = with.paragraph(
        0,
        "give a region, and AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in a .env, or a profile; then start hydrant again",
        Role::Text,
    );
    for (key, does) in [
        (&writes, format!("writes a commented {file}")),
        (&tries, "tries what AWS's own chain finds, such as this machine's role".to_owned()),
    ] {
        with.put(0, y, key, Role::Key);
        let (width, height) = (with.width(), with.height());
        y += with.part(8, y, width.saturating_sub(8), height.saturating_sub(y)).paragraph(
            0,
            &does,
            Role::Text,
        );
    }
}
