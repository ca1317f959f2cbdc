"""What the search page says, as HTML."""

from html import escape

from mmreidmix.apis.app.path_parsing import time_text
from mmreidmix.apis.app.search_options import one_in
from mmreidmix.apis.app.search_page import MOST_COUNTED
from mmreidmix.command_line import printable

WELCOME = '''
<p><b>Choose a picture of one person</b>, cut out around the person. The page
shows the pictures of the gallery that look most alike. A click on one of them
searches for that one.</p>
<p id="privacy"><b>Privacy.</b> Your picture goes to the computer that runs
this page and nowhere else. It is deleted after an hour at the latest. Search
only for people you are allowed to search for. No score proves who a person
is.</p>'''
NO_LINE = '''
<div id="line" class="none"><b>There is no line between likely and less
likely:</b> the model does not know which score is high. Whoever runs this
page finds it with labelled pictures of people:<br><code>python
tools/analysis_tools/calibrate.py CONFIG MODEL --fmr 1e-3 1e-2 5e-2</code><br>
A score runs from -1 to 1; the most alike come first. It proves nothing about
a person.</div>'''


def refusal(message: str) -> str:
    """Why something was not done."""
    return f'<p class="refused" role="alert">{escape(printable(message))}</p>'


def head(query, answer) -> str:
    """Who is searched for, and how many pictures were found."""
    who = 'your picture'
    if query.match is not None:
        who = f'<b>{escape(printable(query.match.name))}</b>'
        if query.match.camid is not None:
            who += f' (camera {query.match.camid})'
    text = f'Searched for {who} in {answer.searched:,} pictures. '
    shown = len(answer.above) + len(answer.below)
    if not shown:
        text += '<b>No picture passes the filters.</b>'
    elif answer.threshold is None:
        text += f'The {shown} most alike are shown.'
    else:
        text += found(answer)
    if answer.missing:
        text += (f' {answer.missing} pictures can not be read any more and '
                 'are grey.')
    return (f'<p role="status">{text} <a class="phone" href="#options">'
            'Filters</a></p>')


def found(answer) -> str:
    """How many pictures are above the line, and how many of them shown."""
    if not answer.reached:
        return '<b>None is above the line</b>: the nearest are shown.'
    count = f'{answer.reached:,}'
    if answer.reached == MOST_COUNTED:
        count = f'at least {count}'
    if is_cut(answer):
        return (f'<b>{len(answer.above)} of {count} above the line are '
                'shown.</b> Ask for more pictures, or use the filters.')
    return f'<b>{count} above the line</b>, all are shown.'


def is_cut(answer) -> bool:
    """Whether some pictures above the line are not shown."""
    return len(answer.above) < answer.reached


def cut(answer, second_look: bool) -> str:
    """The line between the matches."""
    if answer.threshold is None:
        return NO_LINE
    note = (' After a second look the scores do not fall along the list.'
            if second_look else '')
    if is_cut(answer) and not answer.below:
        return (f'<div id="line" class="none">The line is not reached yet: '
                f'{answer.reached - len(answer.above):,} more pictures above '
                f'it are not shown. {meaning(answer)}{note}</div>')
    above = '<b>Above: more likely.</b> ' if answer.above else ''
    below = (' <b>Below: less likely</b>, but the person can be there too.'
             if answer.below else '')
    return (f'<div id="line">{above}{meaning(answer)}{below}{note} No score '
            'proves who a person is.</div>')


def meaning(answer) -> str:
    """What the line lets through."""
    line = answer.threshold
    wrong = round(line.fmr * answer.searched)
    text = (
        f'The line is at a score of {line.threshold:.2f}: {one_in(line.fmr)} '
        f'pictures of other people gets above it, so of the '
        f'{answer.searched:,} searched about {wrong:,} are others. '
        f'Measured on {escape(printable(line.domain))}')
    return f'{text}.' if line.supported else (
        f'{text}, with too few people to rely on it.')


def time_hint(times) -> str:
    """From when to when there are pictures."""
    return f'{time_text(times[0])} to {time_text(times[1])} (UTC)'
