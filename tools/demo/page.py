"""The search page as Gradio components; what it does is in SearchPage."""

import functools
import os
import tempfile
from pathlib import Path

import gradio as gr
from door import MOST_UPLOAD, door
from words import WELCOME, cut, head, refusal, time_hint

from mmreidmix.apis.app.search_options import MOST_MATCHES, SearchOptions
from mmreidmix.apis.app.search_page import PageError, SearchPage

# seconds between two clean-ups, and age of what they delete
CACHE = (600, 3600)
SCROLL_UP = "() => window.scrollTo({top: 0, behavior: 'smooth'})"
FORGET = "() => {document.querySelector('#refused').textContent = ''}"
# What Gradio itself refuses vanishes after some seconds: it is kept in view.
KEEP_REFUSALS = '''() => {
  new MutationObserver(() => {
    const told = document.querySelector('.toast-message-text')
    const place = document.querySelector('#refused')
    if (told && place && place.textContent !== told.innerText) {
      place.textContent = told.innerText
      document.querySelector('.refused')?.remove()
    }
  }).observe(document.body, {childList: true, subtree: true})
}'''
# Searches may arrive in another order than the visitor asked for them: the
# last input of each becomes its number.
NUMBER = '''(...inputs) => {
  window.searches = (window.searches || 0) + 1
  return [...inputs.slice(0, -1), window.searches]
}'''
# fonts of the system: no font is fetched from anywhere
#: No camera, as a choice.
UNKNOWN = -1
FONTS = ('system-ui', 'sans-serif')
STYLE = Path(__file__).with_name('page.css').read_text(encoding='utf-8')


class Handlers:
    """What happens on the page.

    Each returns values of the picture, the camera of the picture, the query
    and what :meth:`_show` returns.

    Args:
        page (SearchPage): searches.
    """

    def __init__(self, page: SearchPage):
        self.page = page

    def upload(self, path, *options):
        """Search for an uploaded picture."""
        try:
            query = self.page.uploaded(path)
        except PageError as error:
            return None, UNKNOWN, None, *_empty(
                refusal(f'{Path(path).name}: {error}'))
        return (gr.skip(), UNKNOWN, query,
                *self._show(query, UNKNOWN, *options[1:]))

    def choose(self, ids, event: gr.SelectData, *options):
        """Search for a match that was clicked on."""
        return self._search_on(
            lambda: self.page.chosen(ids[event.index]), *options)

    def example(self, *options):
        """Search for a picture of the gallery."""
        return self._search_on(self.page.example, *options)

    def search(self, query, *options):
        """Search for the person of before, with other options."""
        if query is None:
            return [gr.skip()] * 8
        return self._show(query, *options)

    def clear(self, *_):
        """Begin anew."""
        return None, UNKNOWN, None, *_empty(WELCOME, True)

    def _search_on(self, choose, *options):
        try:
            query = choose()
        except PageError as error:
            return None, UNKNOWN, None, *_empty(refusal(error))
        camera = UNKNOWN if query.match.camid is None else query.match.camid
        return (query.image, camera, query,
                *self._show(query, camera, *options[1:]))

    def _show(self, query, camera, camids, others, level, topk, after, before,
              tracks, once, second_look):
        """Summary, matches with their ids, line, file, button of the example.

        What can not be searched is told above the matches of before.
        """
        try:
            answer = self.page.search(query, SearchOptions(
                camids, None if camera == UNKNOWN else camera, others, after,
                before, tracks, once, topk, second_look, level))
        except PageError as error:
            return refusal(error), *[gr.skip()] * 7
        some = bool(answer.above or answer.below)
        return (
            head(query, answer), *_matches(answer.above),
            gr.update(value=cut(answer, second_look), visible=some),
            *_matches(answer.below),
            gr.update(value=_file(answer.table), visible=some),
            gr.update(visible=False))


def latest(handle, outputs: int):
    """Have what the visitor asked for last win, in whatever order it comes.

    Leaving a typed text searches, and so does the option that is then
    clicked on: if the first arrives second, it would undo the other.

    Args:
        handle (Callable): a method of :class:`Handlers`.
        outputs (int): how many values it returns.

    Returns:
        Callable: takes two inputs more, the newest number handled so far and
        the number of this search, and returns the newest number last.
    """
    @functools.wraps(handle)
    def handle_latest(*inputs):
        *inputs, newest, number = inputs
        if number < newest:
            return [gr.skip()] * (outputs + 1)
        return *handle(*inputs), number
    return handle_latest


def _matches(shown):
    pictures = [(own.image, own.caption) for own in shown]
    update = gr.update(value=pictures, visible=bool(shown))
    return update, [own.id for own in shown]


def _empty(text, example=False):
    return (text, *_matches([]), gr.update(visible=False), *_matches([]),
            gr.update(visible=False), gr.update(visible=example))


def _file(table: str) -> str:
    """A table as a file that is deleted as uploads are."""
    folder = tempfile.mkdtemp(dir=os.environ['GRADIO_TEMP_DIR'])
    path = Path(folder, 'matches.csv')
    path.write_text(table, encoding='utf-8')
    return str(path)


def build(page: SearchPage) -> gr.Blocks:
    """Lay the page out."""
    handlers = Handlers(page)
    with gr.Blocks(title='Person search', analytics_enabled=False,
                   delete_cache=CACHE) as blocks:
        query, above_ids, below_ids, newest = (
            gr.State(None), gr.State([]), gr.State([]), gr.State(0))
        number = gr.Number(0, precision=0, visible=False)
        gr.Markdown(f'## Person search\n{len(page.gallery):,} pictures')
        with gr.Row(elem_id='layout'):
            with gr.Column(elem_id='who'):
                picture = _picture()
                gr.HTML('<div id="refused" role="alert"></div>',
                        elem_id='refusals')
            with gr.Column(elem_id='options'):
                options, typed, camera = _options(page)
            with gr.Column(elem_id='results'):
                summary = gr.HTML(WELCOME, elem_id='summary')
                example = gr.Button('Try it with a picture of the gallery',
                                    elem_id='example')
                above = _gallery('above')
                line = gr.HTML(visible=False)
                below = _gallery('below')
                table = gr.DownloadButton(
                    'Download this list (CSV)', visible=False,
                    elem_id='download')
        outputs = [summary, above, above_ids, line, below, below_ids, table,
                   example]
        everything = [picture, camera, query, *outputs]
        hidden = dict(api_visibility='private', concurrency_id='model',
                      concurrency_limit=1)
        silent = dict(api_visibility='private', show_progress='hidden')

        def ask(event, handle, inputs, outputs, **settings):
            return event(
                latest(handle, len(outputs)), [*inputs, newest, number],
                [*outputs, newest], js=NUMBER, **hidden, **settings)

        picture.upload(None, js=FORGET, **silent)
        ask(picture.upload, handlers.upload, [picture, *options], everything)
        ask(picture.clear, handlers.clear, [], everything,
            show_progress='hidden')
        ask(example.click, handlers.example, options, everything)
        for shown, ids in ((above, above_ids), (below, below_ids)):
            ask(shown.select, handlers.choose, [ids, *options],
                everything).then(None, js=SCROLL_UP, **silent)
        changes = [event for own in options for event in (
            (own.submit, own.blur) if own in typed else (own.input, ))]
        ask(functools.partial(gr.on, changes), handlers.search,
            [query, *options], outputs, trigger_mode='multiple')
        blocks.load(None, js=KEEP_REFUSALS, **silent)
    return blocks


def _picture() -> gr.Image:
    picture = gr.Image(
        label='Picture of one person', sources=['upload'], type='filepath',
        image_mode=None, height=240, buttons=[], elem_id='picture')
    # Gradio would open it, before SearchPage looks at its size, and fetch it
    # from anywhere, if it is a link.
    picture.preprocess = _path
    picture.async_move_resource_to_block_cache = no_link(
        picture.async_move_resource_to_block_cache)
    return picture


def _options(page: SearchPage) -> tuple:
    """Components in the order of `Handlers._show`; typed texts; camera."""
    names = [(f'{level}', level.name) for level in page.levels]
    normal = 'Normal' if names else None
    level = gr.Radio(
        names, value=normal, label='How alike?', visible=len(names) > 1,
        elem_id='level', info='Of the pictures of other '
        'people, so many get above the line.')
    topk = gr.Number(20, label=f'Pictures shown (1 to {MOST_MATCHES})',
                     precision=0, elem_id='topk')
    some = bool(page.camids)
    camids = gr.CheckboxGroup(
        [(f'{c}', c) for c in page.camids], label='Only these cameras '
        '(none chosen = all)', visible=some, elem_id='cameras')
    camera = gr.Dropdown(
        [('not known', UNKNOWN), *((f'{c}', c) for c in page.camids)],
        value=UNKNOWN, label='Camera that took the picture', visible=some,
        elem_id='camera')
    others = gr.Checkbox(label='Only the other cameras', visible=some,
                         elem_id='others')
    hint = time_hint(page.times) if page.times else ''
    after, before = (gr.Textbox(
        label=label, visible=bool(hint), placeholder='2026-05-01 12:00',
        info=info, elem_id=name) for label, info, name in (
            ('From', f'Pictures are of {hint}', 'after'),
            ('Until', '', 'before')))
    some = page.track is not None
    tracks = gr.Textbox(label='Only these tracks', visible=some,
                        elem_id='tracks', placeholder=f'such as {page.track}')
    once = gr.Checkbox(label='Each track once', visible=some, elem_id='once')
    second_look = gr.Checkbox(
        label='Second look', elem_id='second', info='Also compares the '
        'pictures found with each other. Slower, often better.')
    return [camera, camids, others, level, topk, after, before, tracks, once,
            second_look], [topk, after, before, tracks], camera


def no_link(keep):
    """What keeps an upload, except that it refuses to fetch a link."""
    async def keep_file(path):
        if str(path).lower().startswith(('http:', 'https:')):
            raise gr.Error('Only uploaded pictures are searched for',
                           print_exception=False)
        return await keep(path)
    return keep_file


def _path(payload):
    """The file of an upload; Gradio has checked that it is one."""
    return None if payload is None else payload.path


def _gallery(name: str) -> gr.Gallery:
    return gr.Gallery(visible=False, allow_preview=False, show_label=False,
                      columns=6, height='auto', object_fit='contain',
                      interactive=False, buttons=[], elem_id=name)


def launch(page: SearchPage, host: str, port: int) -> None:
    """Serve until the process is interrupted.

    Raises:
        OSError: the port is taken.
    """
    theme = gr.themes.Default(font=FONTS, font_mono=('monospace', )).set(
        block_info_text_color='*neutral_600')
    blocks = build(page).queue(api_open=False, max_size=32)
    print(f'the search page is at http://{host}:{port}, until Ctrl+C',
          flush=True)
    blocks.launch(
        server_name=host, server_port=port, share=False, inbrowser=False,
        max_file_size=MOST_UPLOAD, allowed_paths=[], state_session_capacity=50,
        ssr_mode=False, pwa=False, mcp_server=False, enable_monitoring=False,
        strict_cors=True, quiet=True, theme=theme, css=STYLE, footer_links=[],
        run_history=False, app_kwargs=dict(middleware=door(host)))
