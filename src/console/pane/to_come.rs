//! Panes that are not built yet: each says what it will show, so that nobody looks for it.

use super::Pane;
use crate::console::canvas::Canvas;
use crate::console::theme::Role;

pub(super) fn draw(pane: Pane, canvas: &mut Canvas<'_>) {
    let will = match pane {
        Pane::Stream => {
            "live posts as they arrive, with their counters, rate and lag; start and stop of the stream"
        }
        Pane::Lake => {
            "years, months, days and hours in the bucket, a heat map of them, and what is in a file"
        }
        Pane::Topics => "topic models: their word lists, a map of topics, and the documents of each",
        Pane::Logs => "CloudWatch log groups and their tail as it grows",
        Pane::Host => "the remote host: whether it is reached, how it is, and how it is provisioned",
        Pane::Flow | Pane::Stack => return,
    };
    canvas.put(2, 1, pane.title(), Role::Strong);
    canvas.put(2, 3, "This pane is not built yet.", Role::Text);
    let width = canvas.width().saturating_sub(4);
    canvas.part(2, 4, width, 4).paragraph(0, &format!("It will show {will}."), Role::Faint);
}
