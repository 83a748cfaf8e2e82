//! Names that AWS invents.

/// `prefix-` and 17 hexadecimal digits, as EC2 names things.
pub(crate) fn ec2(prefix: &str) -> String {
    let mut digits = format!("{:032x}", rand_u128());
    digits.truncate(17);
    format!("{prefix}-{digits}")
}

/// `prefix` and capital letters and digits up to a length, as IAM names things.
pub(crate) fn iam(prefix: &str, length: usize) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut id = prefix.to_owned();
    let mut random = rand_u128();
    while id.len() < length {
        if random < 1 << 20 {
            random = rand_u128();
        }
        let index = usize::try_from(random % 32).expect("below 32");
        id.push(char::from(ALPHABET[index]));
        random >>= 5;
    }
    id
}

/// A random UUID.
pub(crate) fn uuid() -> String {
    uuid::Uuid::new_v4().to_string()
}

fn rand_u128() -> u128 {
    uuid::Uuid::new_v4().as_u128().rotate_left(64) ^ uuid::Uuid::new_v4().as_u128()
}
