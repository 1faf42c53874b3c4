//! Finds the prose of a file: blocks of words, each with its line.

use super::super::source::{self, Kind};

/// A word as it is written, without the punctuation around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// Words in a row. Nothing is a phrase across two blocks.
pub(crate) type Block = Vec<Word>;

/// The prose of a Rust file: comments in a row are one block, each message is one.
pub(crate) fn rust(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut comment = Lines::default();
    for piece in source::pieces(text) {
        let line = source::line_of(text, piece.range.start);
        let content = &text[piece.range];
        match piece.kind {
            Kind::Code => {
                if !content.trim().is_empty() || content.matches('\n').count() > 1 {
                    comment.finish(&mut blocks);
                }
            }
            Kind::Text => {
                comment.finish(&mut blocks);
                if content.contains(' ') {
                    let mut message = Lines::default();
                    for (offset, content) in content.lines().enumerate() {
                        message.add(content.trim_end_matches('\\'), line + offset);
                    }
                    message.finish(&mut blocks);
                }
            }
            Kind::Comment | Kind::ItemDoc | Kind::ModuleDoc => {
                for (offset, content) in content.lines().enumerate() {
                    let content = content.trim_start().trim_start_matches(['/', '*', '!']);
                    comment.add_markdown(content, line + offset, &mut blocks);
                }
            }
        }
    }
    comment.finish(&mut blocks);
    blocks
}

/// The prose of a Markdown file: each paragraph, cell or heading is a block.
pub(crate) fn markdown(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut paragraph = Lines::default();
    for (index, line) in text.lines().enumerate() {
        if line.starts_with('#') {
            paragraph.finish(&mut blocks);
        }
        paragraph.add_markdown(line, index + 1, &mut blocks);
        if line.starts_with('#') {
            paragraph.finish(&mut blocks);
        }
    }
    paragraph.finish(&mut blocks);
    blocks
}

/// The block that is being read.
#[derive(Default)]
struct Lines {
    words: Block,
    fenced: bool,
    span: bool,
}

impl Lines {
    /// Adds a line of Markdown: empty lines, cells and fences end the block, code is left out.
    fn add_markdown(&mut self, line: &str, number: usize, blocks: &mut Vec<Block>) {
        let trimmed = line.trim();
        if trimmed.starts_with("```") {
            self.finish_block(blocks);
            self.fenced = !self.fenced;
            return;
        }
        if self.fenced {
            return;
        }
        if trimmed.is_empty() {
            self.finish_block(blocks);
            return;
        }
        if trimmed.starts_with('|') {
            for cell in trimmed.split('|') {
                self.finish_block(blocks);
                self.add(cell, number);
            }
            self.finish_block(blocks);
            return;
        }
        self.add(trimmed, number);
    }

    fn add(&mut self, line: &str, number: usize) {
        for (index, part) in line.split('`').enumerate() {
            if index > 0 {
                self.span = !self.span;
            }
            if self.span {
                // No phrase leads across a code span.
                self.words.push(Word {
                    text: "`".to_owned(),
                    line: number,
                });
                continue;
            }
            // The target of a link is no prose.
            let part = without_targets(part);
            let words = part
                .split(|c: char| !(c.is_alphanumeric() || c == '\'' || c == '_' || c == '-'))
                .filter(|word| word.contains(char::is_alphanumeric));
            self.words.extend(words.map(|word| Word {
                text: word.to_owned(),
                line: number,
            }));
        }
    }

    fn finish_block(&mut self, blocks: &mut Vec<Block>) {
        self.span = false;
        if !self.words.is_empty() {
            blocks.push(std::mem::take(&mut self.words));
        }
    }

    fn finish(&mut self, blocks: &mut Vec<Block>) {
        self.finish_block(blocks);
        self.fenced = false;
    }
}

fn without_targets(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("](") {
        kept.push_str(&rest[..start]);
        rest = &rest[start + 2..];
        rest = rest.find(')').map_or("", |end| &rest[end + 1..]);
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(blocks: &[Block]) -> Vec<String> {
        blocks
            .iter()
            .map(|block| {
                block
                    .iter()
                    .map(|word| word.text.as_str())
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect()
    }

    #[test]
    fn reads_comments_and_messages() {
        let text = "//! A head,\n//! on two `lines of` code.\n\n// Another.\nfn f() { warn!(\"said \\\n  here\"); g(\"key\") }\n/// ```\n/// code\n/// ```\n/// doc\n";
        let blocks = rust(text);
        assert_eq!(
            joined(&blocks),
            ["A head on two ` code", "Another", "said here", "doc"]
        );
        assert_eq!(blocks[0][3].line, 2);
        assert_eq!(blocks[2][1].line, 6);
    }

    #[test]
    fn reads_markdown() {
        let text = "# Title\nText with a [link](to/it.md)\non.\n\n| a b | `c d` |\n```sh\nnot this\n```\n- item\n";
        assert_eq!(
            joined(&markdown(text)),
            ["Title", "Text with a link on", "a b", "`", "item"]
        );
    }
}
