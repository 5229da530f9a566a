"""The agent: a model that chooses tools by schema, within limits, and never by what a text told it to."""
