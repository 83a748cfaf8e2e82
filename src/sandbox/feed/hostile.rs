//! Text that breaks what is careless with it: it steers terminals, ends lines and fields, reorders and hides.
//! Some of it people do write; all of it has to be survived.

/// Bits that are put into a text now and then.
pub(super) const BITS: &[&str] = &[
    // Controls: NUL, BEL, backspace, DEL, a C1 control.
    "a\u{0}b\u{7}c\u{8}d\u{7f}e\u{9b}f",
    // Escape sequences: a colour, a window's title, a cleared screen.
    "\u{1b}[31mred\u{1b}[0m",
    "\u{1b}]0;title\u{7}",
    "\u{1b}[2J\u{1b}[H",
    // Reordering and hiding.
    "safe\u{202e}txt.exe\u{202c}",
    "\u{2066}iso\u{2069} \u{200f}שלום\u{200e}",
    "zero\u{200b}wid\u{200d}th\u{feff}",
    "soft\u{ad}hyphen",
    // Line ends and field ends.
    "tab\there",
    "one\ntwo",
    "one\r\ntwo",
    "next\u{85}line",
    "line\u{2028}separator\u{2029}paragraph",
    "vertical\u{b}tab\u{c}feed",
    "pipe|pipe||pipe",
    "\"quoted\" 'single' `tick`",
    "back\\slash \\n \\u0041",
    // Markup, escaped once or twice over.
    "<b>bold</b> & <script>",
    "&amp;lt; &#39; &nbsp;",
    // What a spreadsheet takes for a formula, and what a record takes for nothing.
    "=1+1",
    "None",
    "null",
    "{\"id\":\"1\"}",
    // Lone modifiers and long families.
    "\u{1f3fd}",
    "\u{fe0f}\u{200d}",
    "👨‍👩‍👧‍👦 🇫🇮 👍🏽 1️⃣ ❤️ 🏴‍☠️",
    "🇫",
    // Stacked marks, and letters that are one or two code points.
    "z\u{335}\u{321}\u{334}a\u{31b}\u{323}",
    "cafe\u{301} café",
    // Beyond the basic plane, and a noncharacter.
    "𠮷野家 𝔘𝔫𝔦",
    "\u{ffff}",
    // Words that a careless cut of a retweet's mark eats into.
    "rt truth starts",
    "RT @nobody: not a retweet",
    // Odd spaces, and none at all.
    "no\u{a0}break\u{3000}wide",
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaftsvorsitzendenwitwenrentenamt",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "########",
    "@@@ $$$ ###",
    "http:// https://",
];
