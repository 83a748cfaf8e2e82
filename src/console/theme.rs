//! How things look: a style for each role, and the signs that are drawn.
//!
//! A theme file names a style for each role in words: `bold cyan`, `#ff8800 on black`, `reverse`. Four are shipped;
//! a user's own lie beside `hydrant.toml` in `themes/NAME.toml`. Nothing is told by colour alone, so that `none`,
//! which has only weights, says as much as the others.

use ratatui::style::{Color, Modifier, Style};

/// What a piece of the screen is, to be styled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Plain text.
    Text,
    /// What matters less: hints, units, rules.
    Faint,
    /// What matters more.
    Strong,
    /// The one accent: where the operator is.
    Accent,
    /// The same of what is drawn rather than written: the pointer, the frame around what is chosen.
    Pointer,
    /// What went well.
    Good,
    /// What differs or waits.
    Warn,
    /// What failed or destroys.
    Bad,
    /// The chosen row.
    Chosen,
    /// A key in the footer and in help.
    Key,
    /// Steps of intensity of heat maps and bars.
    Heat(u8),
}

/// Intensities of a heat map.
pub const HEATS: u8 = 5;

const ROLES: [(&str, Role); 15] = [
    ("text", Role::Text),
    ("faint", Role::Faint),
    ("strong", Role::Strong),
    ("accent", Role::Accent),
    ("pointer", Role::Pointer),
    ("good", Role::Good),
    ("warn", Role::Warn),
    ("bad", Role::Bad),
    ("chosen", Role::Chosen),
    ("key", Role::Key),
    ("heat0", Role::Heat(0)),
    ("heat1", Role::Heat(1)),
    ("heat2", Role::Heat(2)),
    ("heat3", Role::Heat(3)),
    ("heat4", Role::Heat(4)),
];

/// How many colours the terminal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// None: weights only.
    None,
    /// The sixteen that the user chose.
    Sixteen,
    /// 256.
    Palette,
    /// All.
    True,
}

impl Depth {
    /// What the environment says, as terminals say it. `NO_COLOR` wins over all.
    pub fn detect(variable: impl Fn(&str) -> Option<String>) -> Self {
        let said = |name: &str| variable(name).unwrap_or_default();
        let term = said("TERM");
        if !said("NO_COLOR").is_empty() || term == "dumb" {
            Self::None
        } else if ["truecolor", "24bit"].contains(&said("COLORTERM").as_str()) {
            Self::True
        } else if term.contains("256color") {
            Self::Palette
        } else {
            Self::Sixteen
        }
    }
}

/// A style for every role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theme {
    styles: [Style; ROLES.len()],
}

/// The shipped themes.
pub const SHIPPED: [(&str, &str); 4] = [
    ("dark", include_str!("../../assets/themes/dark.toml")),
    ("light", include_str!("../../assets/themes/light.toml")),
    ("high-contrast", include_str!("../../assets/themes/high-contrast.toml")),
    ("none", include_str!("../../assets/themes/none.toml")),
];

impl Theme {
    /// A shipped theme by its name.
    pub fn shipped(name: &str, depth: Depth) -> Option<Self> {
        let name = if depth == Depth::None { "none" } else { name };
        let (_, text) = SHIPPED.iter().find(|(known, _)| *known == name)?;
        Some(Self::parse(text, depth).expect("a test reads every shipped theme"))
    }

    /// Reads a theme file; roles that it does not name are plain.
    pub fn parse(text: &str, depth: Depth) -> Result<Self, String> {
        let table: toml::Table = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        let mut styles = [Style::new(); ROLES.len()];
        for (name, value) in &table {
            let (slot, _) =
                styles.iter_mut().zip(ROLES).find(|(_, (role, _))| role == name).ok_or_else(|| {
                    format!("there is no role {name}: there are {}", ROLES.map(|(role, _)| role).join(", "))
                })?;
            let words = value.as_str().ok_or_else(|| format!("{name} must be text"))?;
            *slot = style(words, depth).map_err(|why| format!("{name}: {why}"))?;
        }
        Ok(Self { styles })
    }

    /// The style of a role.
    pub fn style(&self, role: Role) -> Style {
        let found = self.styles.iter().zip(ROLES).find(|(_, (_, known))| *known == role);
        found.map_or_else(Style::new, |(style, _)| *style)
    }
}

fn style(words: &str, depth: Depth) -> Result<Style, String> {
    let mut style = Style::new();
    let mut background = false;
    for word in words.split_whitespace() {
        let attribute = match word {
            "bold" => Some(Modifier::BOLD),
            "dim" => Some(Modifier::DIM),
            "italic" => Some(Modifier::ITALIC),
            "underline" => Some(Modifier::UNDERLINED),
            "reverse" => Some(Modifier::REVERSED),
            _ => None,
        };
        match attribute {
            Some(attribute) => style = style.add_modifier(attribute),
            None if word == "on" => background = true,
            None => {
                let colour: Color =
                    word.parse().map_err(|_| format!("{word} is no colour and no attribute"))?;
                match (degrade(colour, depth), background) {
                    (None, _) => {}
                    (Some(colour), true) => style = style.bg(colour),
                    (Some(colour), false) => style = style.fg(colour),
                }
                background = false;
            }
        }
    }
    Ok(style)
}

/// The nearest colour that the terminal has.
fn degrade(colour: Color, depth: Depth) -> Option<Color> {
    match (colour, depth) {
        (_, Depth::None) => None,
        (Color::Rgb(red, green, blue), Depth::Palette) => {
            // The colour cube of 256: six steps each, from 16 on.
            let step = |value: u8| (u16::from(value) * 5 + 127) / 255;
            let index = 16 + 36 * step(red) + 6 * step(green) + step(blue);
            Some(Color::Indexed(u8::try_from(index).unwrap_or(15)))
        }
        (Color::Rgb(red, green, blue), Depth::Sixteen) => Some(nearest_of_eight(red, green, blue)),
        (Color::Indexed(16..), Depth::Sixteen) => Some(Color::Reset),
        (other, _) => Some(other),
    }
}

fn nearest_of_eight(red: u8, green: u8, blue: u8) -> Color {
    match (red > 127, green > 127, blue > 127) {
        (false, false, false) => Color::DarkGray,
        (true, false, false) => Color::Red,
        (false, true, false) => Color::Green,
        (true, true, false) => Color::Yellow,
        (false, false, true) => Color::Blue,
        (true, false, true) => Color::Magenta,
        (false, true, true) => Color::Cyan,
        (true, true, true) => Color::White,
    }
}

/// The signs that are drawn. State is never told by colour alone: each has a sign of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signs {
    /// Nothing but ASCII may be drawn: what else is in a text is written with it.
    pub ascii: bool,
    /// It works.
    pub ready: &'static str,
    /// It is under way.
    pub working: &'static str,
    /// It is not there.
    pub absent: &'static str,
    /// It is not as it should be.
    pub drifted: &'static str,
    /// It failed.
    pub failed: &'static str,
    /// Nobody knows.
    pub unknown: &'static str,
    /// A level line.
    pub rule: &'static str,
    /// An upright line.
    pub upright: &'static str,
    /// Corners: top left, top right, bottom left, bottom right.
    pub corners: [&'static str; 4],
    /// Where something flows.
    pub arrow: &'static str,
    /// Marks the chosen row.
    pub pointer: &'static str,
    /// Problems and running tasks in the header.
    pub problem: &'static str,
    /// See `problem`.
    pub task: &'static str,
    /// Eight heights of a bar, from almost nothing to full.
    pub bars: [&'static str; 8],
    /// Five densities of a cell, from almost nothing to full.
    pub shades: [&'static str; HEATS as usize],
    /// What of a progress is done, and what is not.
    pub progress: [&'static str; 2],
    /// Between parts of a line.
    pub dot: &'static str,
    /// Where text was cut.
    pub more: &'static str,
    /// Ascending and descending order.
    pub order: [&'static str; 2],
}

impl Signs {
    /// For terminals that draw Unicode.
    pub const UNICODE: Self = Self {
        ascii: false,
        ready: "●",
        working: "◐",
        absent: "○",
        drifted: "◌",
        failed: "✗",
        unknown: "·",
        rule: "─",
        upright: "│",
        corners: ["╭", "╮", "╰", "╯"],
        arrow: "▶",
        pointer: "▌",
        problem: "▲",
        task: "↻",
        bars: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
        shades: ["·", "░", "▒", "▓", "█"],
        progress: ["━", "─"],
        dot: "·",
        more: "…",
        order: ["▴", "▾"],
    };

    /// For those that do not.
    pub const ASCII: Self = Self {
        ascii: true,
        ready: "*",
        working: "~",
        absent: "o",
        drifted: "!",
        failed: "x",
        unknown: "?",
        rule: "-",
        upright: "|",
        corners: ["+", "+", "+", "+"],
        arrow: ">",
        pointer: ">",
        problem: "!",
        task: "@",
        bars: ["_", ".", ":", "-", "=", "+", "*", "#"],
        shades: [".", ":", "+", "%", "#"],
        progress: ["#", "-"],
        dot: "-",
        more: "~",
        order: ["^", "v"],
    };

    /// What the environment says: the Linux console and locales that are not UTF-8 get ASCII.
    pub fn detect(variable: impl Fn(&str) -> Option<String>) -> Self {
        let term = variable("TERM").unwrap_or_default();
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .filter_map(variable)
            .find(|value| !value.is_empty())
            .unwrap_or_default()
            .to_lowercase();
        let says_other = !locale.is_empty() && !locale.contains("utf-8") && !locale.contains("utf8");
        if term == "linux" || term == "dumb" || says_other { Self::ASCII } else { Self::UNICODE }
    }
}

/// A theme and the signs that go with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// The styles.
    pub theme: Theme,
    /// The signs.
    pub signs: Signs,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_theme_names_every_role() {
        for (name, text) in SHIPPED {
            let table: toml::Table = toml::from_str(text).expect("TOML");
            for (role, _) in ROLES {
                assert!(table.contains_key(role), "{name} has no {role}");
            }
            for depth in [Depth::None, Depth::Sixteen, Depth::Palette, Depth::True] {
                Theme::parse(text, depth).expect("a good theme");
            }
        }
    }

    #[test]
    fn the_strongest_cell_of_a_heat_map_is_not_the_emptiest() {
        for (name, text) in SHIPPED {
            let theme = Theme::parse(text, Depth::True).expect("it is shipped");
            for heat in 0..HEATS {
                let style = theme.style(Role::Heat(heat));
                assert!(
                    !style.add_modifier.contains(Modifier::REVERSED),
                    "{name}: a full cell reversed is empty"
                );
            }
        }
    }

    #[test]
    fn what_a_theme_file_says_wrong_is_said_back() {
        for (text, part) in [
            ("glow = \"red\"", "no role glow"),
            ("text = \"reddish\"", "reddish"),
            ("text = 1", "must be text"),
            ("text", ""),
        ] {
            let error = Theme::parse(text, Depth::True).expect_err("it is wrong");
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn without_colours_there_are_none() {
        let theme = Theme::shipped("dark", Depth::None).expect("it is shipped");
        for (_, role) in ROLES {
            let style = theme.style(role);
            assert_eq!((style.fg, style.bg), (None, None), "{role:?}");
        }
    }

    #[test]
    fn the_environment_is_believed() {
        let of = |pairs: &'static [(&str, &str)]| {
            move |name: &str| {
                pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            }
        };
        assert_eq!(Depth::detect(of(&[("COLORTERM", "truecolor"), ("NO_COLOR", "1")])), Depth::None);
        assert_eq!(Depth::detect(of(&[("COLORTERM", "truecolor")])), Depth::True);
        assert_eq!(Depth::detect(of(&[("TERM", "screen-256color")])), Depth::Palette);
        assert_eq!(Depth::detect(of(&[("TERM", "xterm")])), Depth::Sixteen);
        assert_eq!(Signs::detect(of(&[("TERM", "linux")])), Signs::ASCII);
        assert_eq!(Signs::detect(of(&[("LANG", "C")])), Signs::ASCII);
        assert_eq!(Signs::detect(of(&[("LANG", "de_DE.UTF-8")])), Signs::UNICODE);
    }
}
