//! Durations in protobuf's JSON form, such as `5s` and `0.25s`.

/// The maximum number of seconds in a protobuf duration, about 10,000 years.
const MAX_SECONDS: i64 = 315_576_000_000;

/// Returns the nanoseconds of `text`, or `None` if it is not a protobuf duration.
pub(crate) fn nanoseconds(text: &str) -> Option<i128> {
    let number = text.strip_suffix('s')?;
    let (sign, number) = match number.strip_prefix('-') {
        Some(number) => (-1, number),
        None => (1, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (number, None),
    };
    let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let digits = fraction.unwrap_or_default();
    if whole.is_empty() && digits.is_empty() || !is_digits(whole) || !is_digits(digits) || digits.len() > 9 {
        return None;
    }
    let seconds: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let nanos = digits.bytes().chain([b'0'; 9]).take(9).fold(0, |n, b| n * 10 + i128::from(b - b'0'));
    let total = sign * (i128::from(seconds) * 1_000_000_000 + nanos);
    (seconds <= MAX_SECONDS).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::nanoseconds;

    #[test]
    fn seconds_with_a_fraction_are_a_duration() {
        for (text, expected) in [
            ("5s", Some(5_000_000_000)),
            ("0.25s", Some(250_000_000)),
            ("-1.5s", Some(-1_500_000_000)),
            ("0.000000001s", Some(1)),
            (".5s", Some(500_000_000)),
            ("5", None),
            ("s", None),
            ("5m", None),
            ("100ms", None),
            ("1.0000000001s", None),
            ("1e3s", None),
            (" 1s", None),
            ("999999999999s", None),
        ] {
            assert_eq!(nanoseconds(text), expected, "{text}");
        }
    }
}
