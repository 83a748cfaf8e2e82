//! A tree whose branches open and close: only what is open is a row.

use std::collections::BTreeSet;

use crate::console::action::Action;
use crate::console::canvas::Canvas;
use crate::console::theme::Role;

use super::table::TableState;

/// A node as it is shown: its path is its identity.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Node {
    /// From the root to it, such as `2026/11/22`.
    pub path: String,
    /// Its own name.
    pub label: String,
    /// What stands at its right.
    pub note: String,
    /// What else does, where there is room for that of every row.
    pub more: String,
    /// How deep it is.
    pub depth: u16,
    /// Whether anything is below it.
    pub branch: bool,
}

/// Which branches are open, and where the operator is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TreeState {
    /// Open branches by their paths.
    pub open: BTreeSet<String>,
    /// The row that is chosen, among those that are seen.
    pub rows: TableState,
}

impl TreeState {
    /// The nodes that are rows: those whose every parent is open. `nodes` are in the order of a walk, parents first.
    pub fn visible<'a>(&self, nodes: &'a [Node]) -> Vec<&'a Node> {
        let mut closed_at: Option<u16> = None;
        nodes
            .iter()
            .filter(|node| {
                if closed_at.is_some_and(|depth| node.depth > depth) {
                    return false;
                }
                closed_at = (node.branch && !self.open.contains(&node.path)).then_some(node.depth);
                true
            })
            .collect()
    }

    /// Moves, opens or closes as an action says; `false` if it means nothing here.
    pub fn act(&mut self, action: Action, nodes: &[Node], seen: usize) -> bool {
        let visible = self.visible(nodes);
        let Some(node) = visible.get(self.rows.chosen) else { return false };
        match action {
            Action::Right | Action::Open if node.branch => {
                let path = node.path.clone();
                if !self.open.insert(path.clone()) && action == Action::Open {
                    self.open.remove(&path);
                }
                true
            }
            Action::Left if node.branch && self.open.contains(&node.path) => {
                self.open.remove(&node.path.clone())
            }
            Action::Left => {
                let parent =
                    visible.iter().take(self.rows.chosen).rposition(|above| above.depth < node.depth);
                self.rows.chosen = parent.unwrap_or(self.rows.chosen);
                true
            }
            _ => self.rows.act(action, visible.len(), seen),
        }
    }
}

/// Draws it.
pub fn draw(canvas: &mut Canvas<'_>, nodes: &[Node], state: &TreeState) {
    let visible = state.visible(nodes);
    let top = state.rows.top(usize::from(canvas.height()));
    // The sign, and spaces around it and before the note.
    let wide = |node: &Node| {
        let texts = [&node.label, &node.note, &node.more].map(|text| crate::text::width(text));
        usize::from(node.depth) * 2 + 6 + texts.iter().sum::<usize>()
    };
    let has_room = nodes.iter().all(|node| wide(node) <= usize::from(canvas.width()));
    for (y, (index, node)) in (0..canvas.height()).zip(visible.iter().enumerate().skip(top)) {
        let [closed, open] = [canvas.signs().arrow, canvas.signs().order[1]];
        let sign = match (node.branch, state.open.contains(&node.path)) {
            (true, true) => open,
            (true, false) => closed,
            (false, _) => " ",
        };
        let after = canvas.line(
            2 + node.depth * 2,
            y,
            &[(sign, Role::Faint), (" ", Role::Text), (&node.label, Role::Text)],
        );
        let width = canvas.width();
        let note = if has_room { format!("{}{}", node.note, node.more) } else { node.note.clone() };
        canvas.part(after + 1, y, width.saturating_sub(after + 1), 1).put_right(
            width.saturating_sub(after + 1),
            0,
            &note,
            Role::Faint,
        );
        if index == state.rows.chosen {
            canvas.mark_row(y, Role::Strong);
            let pointer = canvas.signs().pointer;
            canvas.put(0, y, pointer, Role::Pointer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(path: &str, branch: bool) -> Node {
        let depth = u16::try_from(path.matches('/').count()).expect("shallow");
        Node { path: path.to_owned(), label: path.to_owned(), depth, branch, ..Node::default() }
    }

    #[test]
    fn only_what_is_open_is_a_row() {
        let nodes =
            [node("a", true), node("a/b", true), node("a/b/c", false), node("a/d", false), node("e", false)];
        let mut state = TreeState::default();
        let paths = |state: &TreeState| {
            state.visible(&nodes).iter().map(|node| node.path.clone()).collect::<Vec<_>>()
        };
        assert_eq!(paths(&state), ["a", "e"]);
        state.act(Action::Open, &nodes, 10);
        assert_eq!(paths(&state), ["a", "a/b", "a/d", "e"]);
        state.act(Action::Down, &nodes, 10);
        state.act(Action::Right, &nodes, 10);
        assert_eq!(paths(&state), ["a", "a/b", "a/b/c", "a/d", "e"]);
        state.act(Action::Down, &nodes, 10);
        state.act(Action::Left, &nodes, 10);
        assert_eq!(state.rows.chosen, 1);
        state.act(Action::First, &nodes, 10);
        state.act(Action::Left, &nodes, 10);
        assert_eq!(paths(&state), ["a", "e"]);
    }
}
