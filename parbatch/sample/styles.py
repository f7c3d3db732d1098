"""The names of the styles in `template.docx`: all that the documents look like is said there, and only there.

The template is built by `tools/build_sample_template.py`.
"""

KICKER = "Cover Kicker"
TITLE = "Title"
SUBTITLE = "Subtitle"
FIGURE = "Key Figure"
FIGURE_LABEL = "Key Label"
COVER_NOTE = "Cover Note"

SECTION = "Heading 1"
SECTION_ON_NEW_PAGE = "Heading 1 New Page"
SUBSECTION = "Heading 2"
BODY = "Body Text"
CAPTION = "Caption"
SOURCE = "Source"
NOTE = "Note"
LINK = "Hyperlink"

CELL = "Normal"  # most paragraphs stand in tables, and cells begin as Normal: nothing to set there
CELL_NUMBER = "Table Number"
CELL_LABEL = "Table Label"
CELL_HEAD = "Table Head"
CELL_HEAD_NUMBER = "Table Head Number"

FIGURES_TABLE = "Figures Table"
FACTS_TABLE = "Facts Table"
LIST_TABLE = "List Table"
