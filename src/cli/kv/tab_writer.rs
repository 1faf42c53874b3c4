//! Columns as Go's `text/tabwriter` aligns them (<https://pkg.go.dev/text/tabwriter>), with a padding of six spaces.

/// The spaces between columns.
const PADDING: usize = 6;

/// A text that ends with a tab, or with its line.
#[derive(Default)]
struct Cell {
    text: Vec<u8>,
    width: usize,
}

/// Aligns a text whose cells end with tabs. A value may have tabs and lines of its own, as with Go.
pub(super) fn aligned(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 64);
    let mut lines: Vec<Vec<Cell>> = vec![Vec::new()];
    let mut cell = Vec::new();
    let (mut in_escape, mut escapes) = (false, 0);
    for &byte in text {
        // Between two bytes 0xFF, Go keeps everything as it is.
        if byte == 0xff {
            in_escape = !in_escape;
            escapes += 1;
        }
        match byte {
            b'\t' | b'\x0b' | b'\n' | b'\x0c' if !in_escape => {
                push(&mut lines, &mut cell, &mut escapes);
                if matches!(byte, b'\n' | b'\x0c') {
                    lines.push(Vec::new());
                }
                if byte == b'\x0c' {
                    flush(&mut out, &mut lines);
                }
            }
            _ => cell.push(byte),
        }
    }
    if !cell.is_empty() {
        push(&mut lines, &mut cell, &mut escapes);
    }
    flush(&mut out, &mut lines);
    out
}

fn push(lines: &mut [Vec<Cell>], text: &mut Vec<u8>, escapes: &mut usize) {
    let text = std::mem::take(text);
    // The marks of a kept part are not counted.
    let marks = std::mem::take(escapes) / 2 * 2;
    let width = String::from_utf8_lossy(&text).chars().count();
    if let Some(line) = lines.last_mut() {
        line.push(Cell {
            text,
            width: width.saturating_sub(marks),
        });
    }
}

/// Writes all lines, and ends their columns.
fn flush(out: &mut Vec<u8>, lines: &mut Vec<Vec<Cell>>) {
    format(out, lines, 0..lines.len(), &mut Vec::new());
    *lines = vec![Vec::new()];
}

/// Writes lines, of which the first columns have these widths.
fn format(
    out: &mut Vec<u8>,
    lines: &[Vec<Cell>],
    range: std::ops::Range<usize>,
    widths: &mut Vec<usize>,
) {
    let column = widths.len();
    // The last cell of a line belongs to no column.
    let has_column = |at: usize| lines[at].len() > column + 1;
    let mut start = range.start;
    while let Some(begin) = (start..range.end).find(|at| has_column(*at)) {
        write(out, lines, start..begin, widths);
        let end = (begin..range.end)
            .find(|at| !has_column(*at))
            .unwrap_or(range.end);
        let widest = lines[begin..end]
            .iter()
            .map(|line| line[column].width)
            .max();
        widths.push(widest.unwrap_or_default() + PADDING);
        format(out, lines, begin..end, widths);
        widths.pop();
        start = end;
    }
    write(out, lines, start..range.end, widths);
}

fn write(out: &mut Vec<u8>, lines: &[Vec<Cell>], range: std::ops::Range<usize>, widths: &[usize]) {
    for at in range {
        for (column, cell) in lines[at].iter().enumerate() {
            out.extend(&cell.text);
            if let Some(width) = widths.get(column) {
                out.resize(out.len() + width.saturating_sub(cell.width), b' ');
            }
        }
        if at + 1 < lines.len() {
            out.push(b'\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::aligned;

    fn shown(text: &str) -> String {
        String::from_utf8(aligned(text.as_bytes())).unwrap()
    }

    #[test]
    fn columns_are_aligned() {
        assert_eq!(shown("Flags\t1\nKey\tab"), "Flags      1\nKey        ab");
        assert_eq!(shown("a\t1\n"), "a      1\n");
        assert_eq!(shown(""), "");
    }

    #[test]
    fn the_tabs_and_lines_of_a_value_have_columns_of_their_own() {
        assert_eq!(
            shown("Key\tx\ty\nlong\tz"),
            "Key       x      y\nlong      z"
        );
        assert_eq!(shown("Key\ta\nno\nb\tc"), "Key      a\nno\nb      c");
        assert_eq!(shown("Größe\t1\nKey\t2"), "Größe      1\nKey        2");
    }
}
