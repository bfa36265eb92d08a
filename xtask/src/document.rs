//! Documents with a generated part between two marks.

/// The mark that ends a generated part.
const END: &str = "<!-- end -->\n";

/// The document with another text between the line `begin` and the next end; `None` without such a place.
pub(crate) fn replace(document: &str, begin: &str, text: &str) -> Option<String> {
    let (before, rest) = document.split_once(begin)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{begin}\n{}\n\n{END}{after}", text.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_between_the_marks_is_replaced() {
        let begin = "<!-- begin: x -->\n";
        let document = format!("# Title\n{END}{begin}old\n{END}\nrest\n{END}");
        let new = replace(&document, begin, "new\n").unwrap();
        assert_eq!(new, format!("# Title\n{END}{begin}\nnew\n\n{END}\nrest\n{END}"));
        assert_eq!(replace(&new, begin, "new\n").unwrap(), new);
        assert_eq!(replace("# Title\n", begin, "new"), None);
    }
}
