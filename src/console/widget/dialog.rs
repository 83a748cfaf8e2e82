//! Questions: a text, perhaps some fields, and a confirmation, which for what destroys is typed.

use crate::console::action::Action;
use crate::console::canvas::Canvas;
use crate::console::key::Key;
use crate::console::theme::Role;
use crate::console::widget::input::Input;
use crate::text;

/// A line of the text: indentation is the text's own.
pub type Line = (String, Role);

/// A field of a dialog.
#[derive(Debug, Clone)]
pub enum Field {
    /// Yes or no.
    Toggle {
        /// What is asked.
        label: String,
        /// The answer.
        on: bool,
    },
    /// One of some.
    Choice {
        /// What is asked.
        label: String,
        /// What can be chosen.
        options: Vec<String>,
        /// What is.
        chosen: usize,
    },
    /// Text.
    Text {
        /// What is asked.
        label: String,
        /// What is typed.
        input: Input,
        /// Says what is wrong with it.
        check: fn(&str) -> Result<(), String>,
    },
}

/// How a dialog is confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirm {
    /// There is nothing to confirm: any way out closes it.
    Nothing,
    /// By enter.
    Enter {
        /// What enter does, in a word or two.
        does: &'static str,
    },
    /// By typing this, and enter.
    Typed {
        /// What is to be typed.
        expected: String,
        /// What is typed so far.
        input: Input,
        /// What enter does then.
        does: &'static str,
    },
}

/// A dialog.
#[derive(Debug, Clone)]
pub struct Dialog {
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: Vec<Line>,
    /// Its fields.
    pub fields: Vec<Field>,
    /// How it is confirmed.
    pub confirm: Confirm,
    /// Whether it is about destroying something.
    pub destroys: bool,
    /// What has the keys: a field, or behind the last one the confirmation.
    focus: usize,
    /// The first line of the text that is seen.
    top: usize,
}

/// Cells at each side and rows at top and bottom, with the frame.
const MARGIN: (u16, u16) = (3, 2);

/// Where a dialog is drawn.
#[derive(Debug, Clone, Copy)]
struct Place {
    corner: (u16, u16),
    window: (u16, u16),
    /// Rows that the text has.
    body: u16,
}

/// What stands before an option, chosen or not, and behind it.
const OPTION: (&str, &str, &str) = ("(*) ", "( ) ", "  ");

/// Cells that an option takes in its row.
fn option_width(option: &str) -> usize {
    text::width(OPTION.0) + text::width(&text::sanitise(option)) + text::width(OPTION.2)
}

/// The first option that is shown: where there is no room for all, the row begins so that the chosen one is seen whole.
fn first_option(options: &[String], chosen: usize, room: usize) -> usize {
    let mut wide = 0;
    let upto = options.iter().enumerate().take(chosen + 1).rev();
    let fitting = upto.take_while(|(_, option)| {
        wide += option_width(option);
        wide <= room
    });
    fitting.last().map_or(chosen, |(first, _)| first)
}

/// The option in a column of its row, of those that are shown.
fn option_at(options: &[String], first: usize, from: u16, column: u16) -> Option<usize> {
    let mut end = usize::from(from);
    (column >= from).then_some(())?;
    let shown = options.iter().skip(first).position(|option| {
        end += option_width(option);
        usize::from(column) < end
    });
    shown.map(|shown| first + shown)
}

/// What a key did to a dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It goes on.
    Open,
    /// A toggle was switched.
    Toggled(usize),
    /// It is confirmed.
    Confirmed,
    /// It is closed without.
    Cancelled,
}

impl Dialog {
    /// A dialog without fields. The confirmation has the keys.
    pub fn new(title: impl Into<String>, body: Vec<Line>, confirm: Confirm) -> Self {
        Self { title: title.into(), body, fields: Vec::new(), confirm, destroys: false, focus: 0, top: 0 }
    }

    /// The same with fields, above the confirmation, which has the keys at first.
    #[must_use]
    pub fn with(mut self, fields: Vec<Field>) -> Self {
        self.focus = fields.len();
        self.fields = fields;
        self
    }

    /// The same about destroying something.
    #[must_use]
    pub fn destroying(mut self) -> Self {
        self.destroys = true;
        self
    }

    /// Whether text is being typed, so that letters are no keys.
    pub fn is_typing(&self) -> bool {
        matches!(self.fields.get(self.focus), Some(Field::Text { .. }))
            || (self.focus >= self.fields.len() && matches!(self.confirm, Confirm::Typed { .. }))
    }

    /// What stands in the way of a confirmation.
    pub fn problem(&self) -> Option<String> {
        for field in &self.fields {
            if let Field::Text { label, input, check } = field
                && let Err(why) = check(&input.text())
            {
                return Some(format!("{label}: {why}"));
            }
        }
        match &self.confirm {
            Confirm::Typed { expected, input, .. } if input.text().trim() != expected => {
                Some(format!("type {expected} to go on"))
            }
            _ => None,
        }
    }

    /// Takes a key, in the room that it is drawn in.
    pub fn press(&mut self, key: Key, action: Option<Action>, room: (u16, u16)) -> Answer {
        match key {
            key if key == Key::named("esc") => return Answer::Cancelled,
            key if key == Key::named("tab") || (key == Key::named("down") && self.is_form()) => {
                self.focus = (self.focus + 1) % (self.fields.len() + 1);
                return Answer::Open;
            }
            key if key == Key::named("shift-tab") || (key == Key::named("up") && self.is_form()) => {
                self.focus = (self.focus + self.fields.len()) % (self.fields.len() + 1);
                return Answer::Open;
            }
            key if key == Key::named("enter") => return self.enter(),
            _ => {}
        }
        let focus = self.focus;
        match self.fields.get_mut(focus) {
            Some(Field::Toggle { on, .. }) if key == Key::named("space") => {
                *on = !*on;
                return Answer::Toggled(focus);
            }
            Some(Field::Choice { options, chosen, .. }) => {
                let step = match key {
                    key if key == Key::named("space") || key == Key::named("right") => 1,
                    key if key == Key::named("left") => options.len().saturating_sub(1),
                    _ => 0,
                };
                if step > 0 && !options.is_empty() {
                    *chosen = (*chosen + step) % options.len();
                    return Answer::Toggled(focus);
                }
            }
            _ => {}
        }
        if self.typed().is_some_and(|input| input.press(key)) {
            return Answer::Open;
        }
        match action {
            Some(Action::Up) => self.scroll(-1, room),
            Some(Action::Down) => self.scroll(1, room),
            Some(Action::PageUp) => self.scroll(-8, room),
            Some(Action::PageDown) => self.scroll(8, room),
            Some(Action::Back | Action::Quit) if !self.is_typing() => return Answer::Cancelled,
            _ => {}
        }
        Answer::Open
    }

    /// Moves its text so many lines, down being positive, and never further than to its end: what has the keys stays.
    pub fn scroll(&mut self, by: isize, (width, height): (u16, u16)) {
        let hidden = self.hidden(self.place(width, height).body);
        self.top = self.top.min(hidden).saturating_add_signed(by).min(hidden);
    }

    /// Lines of the text that are not seen where it has so many rows.
    fn hidden(&self, room: u16) -> usize {
        self.body.len().saturating_sub(usize::from(room))
    }

    /// Takes pasted text in.
    pub fn paste(&mut self, text: &str) {
        if let Some(input) = self.typed() {
            input.paste(text);
        }
    }

    /// What is being typed into, if anything is.
    fn typed(&mut self) -> Option<&mut Input> {
        match (self.fields.get_mut(self.focus), &mut self.confirm) {
            (Some(Field::Text { input, .. }), _) | (None, Confirm::Typed { input, .. }) => Some(input),
            _ => None,
        }
    }

    fn enter(&mut self) -> Answer {
        let focus = self.focus;
        if let Some(Field::Toggle { on, .. }) = self.fields.get_mut(focus) {
            *on = !*on;
            return Answer::Toggled(focus);
        }
        match self.confirm {
            Confirm::Nothing => Answer::Cancelled,
            _ if self.problem().is_none() => Answer::Confirmed,
            _ => Answer::Open,
        }
    }

    /// Whether there are several fields, between which the arrows move.
    fn is_form(&self) -> bool {
        self.fields.len() > 1
    }

    /// What was typed into the field of that number, without the space around it.
    pub fn text(&self, field: usize) -> String {
        match self.fields.get(field) {
            Some(Field::Text { input, .. }) => input.text().trim().to_owned(),
            Some(Field::Choice { options, chosen, .. }) => options.get(*chosen).cloned().unwrap_or_default(),
            _ => String::new(),
        }
    }

    /// Whether the toggle of that number is on.
    pub fn is_on(&self, field: usize) -> bool {
        matches!(self.fields.get(field), Some(Field::Toggle { on: true, .. }))
    }

    /// How wide and high it would like to be.
    fn wish(&self) -> (usize, usize) {
        let fields =
            if self.fields.iter().all(|field| matches!(field, Field::Toggle { .. })) { 44 } else { 64 };
        let options = self.fields.iter().filter_map(|field| match field {
            Field::Choice { options, .. } => {
                let wide: usize = options.iter().map(|option| option_width(option)).sum();
                Some(usize::from(self.labels()) + 2 + wide)
            }
            Field::Text { .. } | Field::Toggle { .. } => None,
        });
        let body = self.body.iter().map(|(line, _)| text::width(line));
        let widths = body.chain(options).chain([text::width(&self.title) + 4, fields]);
        (widths.max().unwrap_or_default() + 6, self.body.len() + self.below() + 4)
    }

    /// Rows under the text: an empty one, the fields and one after them, the confirmation.
    fn below(&self) -> usize {
        let fields = if self.fields.is_empty() { 0 } else { self.fields.len() + 1 };
        let confirm = match self.confirm {
            Confirm::Nothing | Confirm::Enter { .. } => 1,
            Confirm::Typed { .. } => 3,
        };
        1 + fields + confirm
    }

    /// Where it stands in the middle of a room.
    fn place(&self, width: u16, height: u16) -> Place {
        let (wide, high) = self.wish();
        let fit = |wish: usize, room: u16| u16::try_from(wish).unwrap_or(u16::MAX).min(room);
        let window = (fit(wide, width), fit(high, height));
        let corner = ((width - window.0) / 2, (height - window.1) / 2);
        let below = u16::try_from(self.below()).unwrap_or(0);
        let body = window.1.saturating_sub(2 * MARGIN.1 + below);
        Place { corner, window, body }
    }

    /// Draws it in the middle, over what is there.
    pub fn draw(&self, canvas: &mut Canvas<'_>) {
        let Place { corner, window, body } = self.place(canvas.width(), canvas.height());
        let mut window = canvas.part(corner.0, corner.1, window.0, window.1);
        window.clear();
        window.frame(&self.title, if self.destroys { Role::Bad } else { Role::Pointer });
        let mut inside = window.inside(MARGIN.0, MARGIN.1);
        self.draw_body(&mut inside, body);
        let mut row = body + 1;
        for (index, field) in self.fields.iter().enumerate() {
            self.draw_field(&mut inside, row, index, field);
            row += 1;
        }
        if !self.fields.is_empty() {
            row += 1;
        }
        self.draw_confirm(&mut inside, row);
    }

    /// Takes a click into the room that it is drawn in: a field that is clicked has the keys, a toggle is switched, an
    /// option is chosen. Nothing is confirmed or closed by a click: a hand that slips must not decide.
    pub fn click(&mut self, x: u16, y: u16, (width, height): (u16, u16)) -> Answer {
        let Place { corner, window, body } = self.place(width, height);
        let inside = window.0.saturating_sub(2 * MARGIN.0);
        let row = y.checked_sub(corner.1 + MARGIN.1 + body + 1);
        let column = x.checked_sub(corner.0 + MARGIN.0).filter(|column| *column < inside);
        let (Some(row), Some(column)) = (row.map(usize::from), column) else { return Answer::Open };
        let values = self.values(inside);
        match self.fields.get_mut(row) {
            Some(Field::Toggle { on, .. }) => *on = !*on,
            Some(Field::Choice { options, chosen, .. }) => {
                let first = first_option(options, *chosen, usize::from(inside.saturating_sub(values)));
                let Some(option) = option_at(options, first, values, column) else {
                    self.focus = row;
                    return Answer::Open;
                };
                *chosen = option;
            }
            Some(Field::Text { .. }) => {
                self.focus = row;
                return Answer::Open;
            }
            None => return Answer::Open,
        }
        self.focus = row;
        Answer::Toggled(row)
    }

    fn draw_body(&self, canvas: &mut Canvas<'_>, room: u16) {
        let hidden = self.hidden(room);
        let top = self.top.min(hidden);
        for (y, (line, role)) in (0..room).zip(self.body.iter().skip(top)) {
            canvas.put(0, y, line, *role);
        }
        if top < hidden && room > 0 {
            let left = self.body.len() - top - usize::from(room) + 1;
            let mut last = canvas.part(0, room - 1, canvas.width(), 1);
            last.clear();
            last.put(
                0,
                0,
                &format!("{}: page-down", text::counted(left, "more line", "more lines")),
                Role::Faint,
            );
        }
    }

    /// Cells of the widest label of a field that has its value beside it.
    fn labels(&self) -> u16 {
        let label = |field: &Field| match field {
            Field::Text { label, .. } | Field::Choice { label, .. } => Some(text::width(label)),
            Field::Toggle { .. } => None,
        };
        u16::try_from(self.fields.iter().filter_map(label).max().unwrap_or_default()).unwrap_or(u16::MAX)
    }

    /// Where values begin beside their labels.
    fn values(&self, width: u16) -> u16 {
        self.labels().min(width / 2) + 2
    }

    fn draw_field(&self, canvas: &mut Canvas<'_>, row: u16, index: usize, field: &Field) {
        let focused = self.focus == index;
        let role = if focused { Role::Accent } else { Role::Text };
        let values = self.values(canvas.width());
        match field {
            Field::Toggle { label, on } => {
                canvas.line(0, row, &[(if *on { "[x] " } else { "[ ] " }, role), (label, role)]);
            }
            Field::Text { label, input, .. } => {
                canvas.part(0, row, values - 2, 1).put(0, 0, label, role);
                if focused {
                    input.draw(canvas, values, row);
                } else {
                    canvas.put(values, row, &input.text(), Role::Strong);
                }
            }
            Field::Choice { label, options, chosen } => {
                canvas.part(0, row, values - 2, 1).put(0, 0, label, role);
                let room = usize::from(canvas.width().saturating_sub(values));
                let (first, mut x) = (first_option(options, *chosen, room), values);
                for (option, name) in options.iter().enumerate().skip(first) {
                    let (sign, role) =
                        if option == *chosen { (OPTION.0, Role::Strong) } else { (OPTION.1, Role::Faint) };
                    x = canvas.line(x, row, &[(sign, role), (name, role), (OPTION.2, role)]);
                }
            }
        }
    }

    fn draw_confirm(&self, canvas: &mut Canvas<'_>, row: u16) {
        let out = [("esc", Role::Key), (" close", Role::Faint)];
        match &self.confirm {
            Confirm::Nothing => {
                canvas.line(0, row, &out);
            }
            Confirm::Enter { does } => {
                let problem = self.problem();
                let (role, words) = match (&problem, self.destroys) {
                    (Some(_), _) => (Role::Faint, Role::Faint),
                    (None, true) => (Role::Bad, Role::Text),
                    (None, false) => (Role::Key, Role::Text),
                };
                let does = format!(" {does}   ");
                let x = canvas.line(
                    0,
                    row,
                    &[("enter", role), (&does, words), out[0], (" cancel   ", Role::Faint)],
                );
                canvas.put(x, row, problem.as_deref().unwrap_or_default(), Role::Warn);
            }
            Confirm::Typed { expected, input, does } => {
                let focused = self.focus >= self.fields.len();
                let x = canvas.line(
                    0,
                    row,
                    &[
                        ("Type ", Role::Text),
                        (expected, Role::Strong),
                        (" to go on:  ", if focused { Role::Accent } else { Role::Text }),
                    ],
                );
                input.draw(canvas, x, row);
                let ready = self.problem().is_none();
                let does = format!(" {does}   ");
                let hint = [
                    ("enter", if ready { Role::Bad } else { Role::Faint }),
                    (does.as_str(), if ready { Role::Text } else { Role::Faint }),
                    ("tab", Role::Key),
                    (" next field   ", Role::Faint),
                    out[0],
                    (" cancel", Role::Faint),
                ];
                let shown: Vec<(&str, Role)> = if self.fields.is_empty() {
                    hint.iter()
                        .copied()
                        .filter(|(text, _)| *text != "tab" && *text != " next field   ")
                        .collect()
                } else {
                    hint.to_vec()
                };
                canvas.line(0, row + 2, &shown);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;

    use super::*;
    use crate::console::theme::{Depth, Look, Signs, Theme};

    const ROOM: (u16, u16) = (80, 22);

    fn teardown() -> Dialog {
        let confirm =
            Confirm::Typed { expected: "demo".to_owned(), input: Input::default(), does: "tear down" };
        Dialog::new("Tear down", vec![("everything".to_owned(), Role::Text)], confirm)
            .with(vec![Field::Toggle { label: "with data".to_owned(), on: false }])
            .destroying()
    }

    #[test]
    fn a_form_says_what_is_wrong_and_goes_on_when_nothing_is() {
        let number = |text: &str| text.trim().parse::<u16>().map(drop).map_err(|_| "not a number".to_owned());
        let mut form = Dialog::new("Form", Vec::new(), Confirm::Enter { does: "go" }).with(vec![
            Field::Text { label: "topics".to_owned(), input: Input::default(), check: number },
            Field::Choice {
                label: "by".to_owned(),
                options: vec!["a".to_owned(), "b".to_owned()],
                chosen: 0,
            },
        ]);
        assert_eq!(form.problem().as_deref(), Some("topics: not a number"));
        assert_eq!(form.press(Key::named("enter"), None, ROOM), Answer::Open);
        form.press(Key::named("tab"), None, ROOM);
        assert!(form.is_typing());
        for digit in ['3', '0'] {
            form.press(Key::char(digit), None, ROOM);
        }
        form.press(Key::named("down"), None, ROOM);
        assert_eq!(form.press(Key::named("space"), None, ROOM), Answer::Toggled(1));
        assert_eq!((form.text(0).as_str(), form.text(1).as_str()), ("30", "b"));
        assert_eq!(form.press(Key::named("left"), None, ROOM), Answer::Toggled(1));
        assert_eq!(form.text(1), "a");
        assert_eq!(form.press(Key::named("enter"), None, ROOM), Answer::Confirmed);
    }

    fn plain() -> Look {
        Look { theme: Theme::shipped("dark", Depth::None).expect("it is shipped"), signs: Signs::UNICODE }
    }

    #[test]
    fn options_are_all_seen_where_there_is_room_and_the_chosen_one_everywhere() {
        let options: Vec<String> =
            ["by length", "lda", "gsdmm", "nmf", "lda-tfidf"].map(str::to_owned).into();
        let drawn = |width: u16, chosen: usize| {
            let field =
                Field::Choice { label: "words from (letters)".into(), options: options.clone(), chosen };
            let mut form = Dialog::new("Form", Vec::new(), Confirm::Enter { does: "go" }).with(vec![field]);
            let (look, mut buffer) = (plain(), Buffer::empty(Rect::new(0, 0, width, 22)));
            form.draw(&mut Canvas::new(&mut buffer, &look));
            let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
            let (y, row) =
                (0..22).map(|y| (y, row(y))).find(|(_, row)| row.contains("words")).expect("drawn");
            let x = row.find("(*)").map(|at| row[..at].chars().count()).expect("the chosen one is seen");
            form.click(u16::try_from(x).expect("small"), y, (width, 22));
            assert_eq!(form.text(0), options[chosen], "a click means what is seen at {width}");
            row
        };
        for chosen in 0..options.len() {
            assert!(options.iter().all(|option| drawn(120, chosen).contains(option.as_str())));
            for width in [80, 60, 44] {
                assert!(drawn(width, chosen).contains(&format!("(*) {}", options[chosen])), "{width}");
            }
        }
    }

    #[test]
    fn a_click_chooses_and_switches_but_confirms_nothing() {
        let check = |_: &str| Ok(());
        let options = vec!["one".to_owned(), "two".to_owned(), "three".to_owned()];
        let mut form =
            Dialog::new("Form", vec![("text".to_owned(), Role::Text)], Confirm::Enter { does: "go" }).with(
                vec![
                    Field::Text { label: "name".to_owned(), input: Input::default(), check },
                    Field::Choice { label: "by".to_owned(), options, chosen: 0 },
                    Field::Toggle { label: "all".to_owned(), on: false },
                ],
            );
        let room = ROOM;
        let (look, mut buffer) = (plain(), Buffer::empty(Rect::new(0, 0, room.0, room.1)));
        form.draw(&mut Canvas::new(&mut buffer, &look));
        let rows: Vec<String> =
            (0..room.1).map(|y| (0..room.0).map(|x| buffer[(x, y)].symbol()).collect::<String>()).collect();
        let place = |of: &str| {
            let y = rows.iter().position(|row| row.contains(of)).expect("it is drawn");
            let x = rows[y].chars().collect::<String>().find(of).map(|at| rows[y][..at].chars().count());
            (u16::try_from(x.expect("there")).expect("small"), u16::try_from(y).expect("small"))
        };
        let at = |form: &mut Dialog, of: &str| {
            let (x, y) = place(of);
            form.click(x, y, room)
        };
        assert_eq!(at(&mut form, "name"), Answer::Open);
        assert!(form.is_typing());
        for (number, option) in ["one", "two", "three"].into_iter().enumerate() {
            assert_eq!(at(&mut form, option), Answer::Toggled(1), "{number}");
            assert_eq!(form.text(1), option);
        }
        assert_eq!(at(&mut form, "all"), Answer::Toggled(2));
        assert!(form.is_on(2));
        assert_eq!(at(&mut form, "enter"), Answer::Open);
        assert_eq!(at(&mut form, "text"), Answer::Open);
        assert_eq!(form.click(0, 0, room), Answer::Open);
    }

    #[test]
    fn what_destroys_goes_on_only_when_its_name_is_typed() {
        let mut dialog = teardown();
        assert_eq!(dialog.press(Key::named("enter"), None, ROOM), Answer::Open);
        for character in "demo".chars() {
            assert_eq!(dialog.press(Key::char(character), Some(Action::Quit), ROOM), Answer::Open);
        }
        assert_eq!(dialog.press(Key::named("enter"), None, ROOM), Answer::Confirmed);
    }

    #[test]
    fn a_toggle_is_switched_by_space_and_the_rest_by_esc() {
        let mut dialog = teardown();
        dialog.press(Key::named("tab"), None, ROOM);
        assert_eq!(dialog.press(Key::named("space"), None, ROOM), Answer::Toggled(0));
        assert!(dialog.is_on(0));
        assert_eq!(dialog.press(Key::named("esc"), None, ROOM), Answer::Cancelled);
    }

    #[test]
    fn a_text_is_scrolled_to_its_end_and_no_further() {
        let body = (0..30).map(|line| (format!("line {line}"), Role::Text)).collect();
        let mut told = Dialog::new("Told", body, Confirm::Nothing);
        for _ in 0..9 {
            told.press(Key::named("page-down"), Some(Action::PageDown), ROOM);
        }
        // Of 22 rows, 4 are its frame and 2 the way out and what parts it from the text.
        assert_eq!(told.top, 30 - 16);
        told.press(Key::named("up"), Some(Action::Up), ROOM);
        assert_eq!(told.top, 30 - 17, "the way back begins at once");
        told.scroll(-1, (80, 30));
        assert_eq!(told.top, 5, "also where more is seen by now");
    }
}
