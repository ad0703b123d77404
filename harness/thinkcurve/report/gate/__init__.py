"""What a gate found, for those who read it elsewhere: Markdown, JUnit XML, annotations of GitHub."""
