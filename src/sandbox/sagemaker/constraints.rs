//! What SageMaker checks of a request before it looks at anything else: all that is wrong is said at once.

use std::fmt::Display;
use std::ops::RangeInclusive;

use crate::sandbox::refusal::Refusal;

/// The constraints of one request, and those of them that do not hold.
#[derive(Debug, Default)]
pub(super) struct Constraints {
    broken: Vec<String>,
}

/// As much of a value as a refusal repeats.
const SHOWN: usize = 256;

/// The longest name of a notebook instance, a lifecycle configuration or a job.
const LONGEST_NAME: usize = 63;
const NAME_PATTERN: &str = "^[a-zA-Z0-9](-*[a-zA-Z0-9])*";
const ROLE_PATTERN: &str = r"^arn:aws[a-z\-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+$";
const ID_PATTERN: &str = "[-0-9a-zA-Z]+";
const LONGEST_ID: usize = 32;

impl Constraints {
    /// `member` is the path of the value in the request, as AWS writes it: `processingInputs.1.member.s3Input`.
    pub(super) fn must(&mut self, holds: bool, member: &str, value: impl Display, constraint: &str) {
        if holds {
            return;
        }
        let mut value = value.to_string();
        if value.chars().count() > SHOWN {
            value = value.chars().take(SHOWN).chain("...".chars()).collect();
        }
        self.broken.push(format!(
            "Value '{value}' at '{member}' failed to satisfy constraint: Member must {constraint}"
        ));
    }

    pub(super) fn name(&mut self, member: &str, name: &str) {
        self.longest(member, name, LONGEST_NAME);
        let letter = |letter: char| letter.is_ascii_alphanumeric();
        let holds = name.starts_with(letter)
            && name.ends_with(letter)
            && name.chars().all(|character| letter(character) || character == '-');
        self.pattern(holds, member, name, NAME_PATTERN);
    }

    /// The ID of a subnet or a security group.
    pub(super) fn id(&mut self, member: &str, id: &str) {
        self.longest(member, id, LONGEST_ID);
        let holds = !id.is_empty()
            && id.chars().all(|character| character.is_ascii_alphanumeric() || character == '-');
        self.pattern(holds, member, id, ID_PATTERN);
    }

    pub(super) fn role(&mut self, arn: &str) {
        self.pattern(is_role(arn), "roleArn", arn, ROLE_PATTERN);
    }

    pub(super) fn pattern(&mut self, holds: bool, member: &str, value: &str, pattern: &str) {
        self.must(holds, member, value, &format!("satisfy regular expression pattern: {pattern}"));
    }

    pub(super) fn longest(&mut self, member: &str, text: &str, most: usize) {
        let holds = text.chars().count() <= most;
        self.must(holds, member, text, &format!("have length less than or equal to {most}"));
    }

    pub(super) fn at_most(&mut self, member: &str, count: usize, most: usize) {
        let holds = count <= most;
        self.must(
            holds,
            member,
            format_args!("{count} members"),
            &format!("have length less than or equal to {most}"),
        );
    }

    pub(super) fn within(&mut self, member: &str, value: i64, range: &RangeInclusive<i64>) {
        let (least, most) = (range.start(), range.end());
        self.must(value >= *least, member, value, &format!("have value greater than or equal to {least}"));
        self.must(value <= *most, member, value, &format!("have value less than or equal to {most}"));
    }

    pub(super) fn one_of<T: AsRef<str>>(&mut self, member: &str, value: &str, set: &[T]) {
        if set.iter().any(|known| known.as_ref() == value) {
            return;
        }
        let known: Vec<&str> = set.iter().map(AsRef::as_ref).collect();
        self.must(false, member, value, &format!("satisfy enum value set: [{}]", known.join(", ")));
    }

    /// Whether all of them hold.
    pub(super) fn hold(self) -> Result<(), Refusal> {
        let errors = match self.broken.len() {
            0 => return Ok(()),
            1 => "1 validation error".to_owned(),
            several => format!("{several} validation errors"),
        };
        Err(Refusal::new("ValidationException", format!("{errors} detected: {}", self.broken.join("; "))))
    }
}

fn is_role(arn: &str) -> bool {
    let Some((account, name)) = super::role_parts(arn) else { return false };
    let digits = account.len() == 12 && account.bytes().all(|digit| digit.is_ascii_digit());
    let allowed = |character: char| character.is_ascii_alphanumeric() || "+=,.@-_/".contains(character);
    digits && !name.is_empty() && name.chars().all(allowed) && arn.len() <= 2048
}

/// Whether a name is one that could have been given out.
pub(super) fn check_name(member: &str, name: &str) -> Result<(), Refusal> {
    let mut constraints = Constraints::default();
    constraints.name(member, name);
    constraints.hold()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(check: impl FnOnce(&mut Constraints)) -> Option<String> {
        let mut constraints = Constraints::default();
        check(&mut constraints);
        constraints.hold().err().map(|refusal| refusal.message)
    }

    #[test]
    fn names_are_letters_digits_and_hyphens_between_them() {
        for name in ["a", "A9", "posts-2026--b", &"x".repeat(63)] {
            assert_eq!(complaint(|all| all.name("notebookInstanceName", name)), None, "{name}");
        }
        for name in ["", "-a", "a-", "a_b", "a b", "é", &"x".repeat(64)] {
            assert!(complaint(|all| all.name("notebookInstanceName", name)).is_some(), "{name}");
        }
    }

    #[test]
    fn roles_are_arns_of_roles() {
        for arn in ["arn:aws:iam::123456789012:role/posts", "arn:aws-cn:iam::123456789012:role/a/b+c"] {
            assert_eq!(complaint(|all| all.role(arn)), None, "{arn}");
        }
        for arn in [
            "",
            "posts",
            "arn:aws:iam::12:role/x",
            "arn:aws:iam::123456789012:user/x",
            "arn:aws:iam::123456789012:role/",
        ] {
            assert!(complaint(|all| all.role(arn)).is_some(), "{arn}");
        }
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let said = complaint(|all| {
            all.within("volumeSizeInGB", 4, &(5..=16_384));
            all.one_of("rootAccess", "Maybe", &["Enabled", "Disabled"]);
        });
        assert_eq!(
            said.expect("a complaint"),
            "2 validation errors detected: Value '4' at 'volumeSizeInGB' failed to satisfy constraint: Member must \
             have value greater than or equal to 5; Value 'Maybe' at 'rootAccess' failed to satisfy constraint: \
             Member must satisfy enum value set: [Enabled, Disabled]"
        );
    }
}
