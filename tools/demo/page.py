"""The search page as Gradio components; what it does is in SearchPage."""

from html import escape

import gradio as gr
from door import MOST_UPLOAD, door

from mmreidmix.apis.app.search_page import PageError, SearchPage
from mmreidmix.apis.comparison import NO_THRESHOLD
from mmreidmix.command_line import printable

# seconds between two clean-ups, and age of what they delete
CACHE = (600, 3600)
SCROLL_UP = "() => window.scrollTo({top: 0, behavior: 'smooth'})"
# fonts of the system: no font is fetched from anywhere
FONTS = ('system-ui', 'sans-serif')
STYLE = '''
.gradio-container {max-width: 1280px !important}
#above .grid-wrap, #below .grid-wrap {max-height: none; overflow: visible}
#above .grid-container, #below .grid-container {
  grid-template-columns: repeat(auto-fill, minmax(130px, 1fr)) !important;
  grid-auto-rows: auto}
#above .gallery-item, #below .gallery-item {height: auto}
#above .thumbnail-lg, #below .thumbnail-lg {
  aspect-ratio: auto; height: auto; display: block}
#above img, #below img {
  height: 216px; object-fit: contain; background: #e8e8e8; border-radius: 0}
#above .caption-label, #below .caption-label {
  position: static; max-width: none; padding: 4px 6px; border: 0;
  border-radius: 0; white-space: pre-line; overflow-wrap: anywhere;
  text-align: left; line-height: 1.3; font-size: 12px; height: 5.8em}
#above .thumbnail-item:hover .caption-label,
#below .thumbnail-item:hover .caption-label {opacity: 1}
#line {border-top: 3px solid #d62a2a; padding: 6px 0; font-size: 14px}
#line.none {border-top-color: #909090}
'''


class Handlers:
    """What happens on the page.

    Args:
        page (SearchPage): searches.
    """

    def __init__(self, page: SearchPage):
        self.page = page

    def upload(self, path, *options):
        """Search for an uploaded picture."""
        if path is None:
            raise gr.Error('Drop a picture first', print_exception=False)
        query = _told(self.page.uploaded, path)
        return query, *self.search(query, *options)

    def choose(self, ids, event: gr.SelectData, *options):
        """Search for a match that was clicked on."""
        query = _told(self.page.chosen, ids[event.index])
        return query.image, query, *self.search(query, *options)

    def search(self, query, camids, topk, rerank, fmr=None):
        """Search for the person of before, with other options."""
        if query is None:
            return [gr.skip()] * 6
        answer = _told(
            self.page.search, query, camids, int(topk), rerank,
            None if fmr is None else float(fmr))
        return (
            gr.update(value=head(query, answer), visible=True),
            *_matches(answer.above),
            gr.update(value=cut(answer, rerank), visible=True),
            *_matches(answer.below))


def _told(function, *args):
    """Call and tell the visitor what is wrong."""
    try:
        return function(*args)
    except PageError as error:
        raise gr.Error(escape(str(error)), duration=20,
                       print_exception=False) from error


def _matches(shown):
    pictures = [(own.image, own.caption) for own in shown]
    update = gr.update(value=pictures, visible=bool(shown))
    return update, [own.id for own in shown]


def head(query, answer) -> str:
    """Who is searched for, and how many matches there are."""
    if query.match is None:
        who = 'the uploaded picture'
    else:
        camera = '' if query.match.camid is None else (
            f' (camera {query.match.camid})')
        who = f'<b>{escape(printable(query.match.name))}</b>{camera}'
    text = f'Searched for {who}: '
    if answer.threshold is not None:
        text += f'{len(answer.above)} matches reach the threshold, '
    text += f'{len(answer.below)} do not.' if answer.threshold else (
        f'{len(answer.below)} matches.')
    if answer.missing:
        text += (f' {answer.missing} pictures of the gallery can not be read '
                 'any more and are grey.')
    return text


def cut(answer, rerank) -> str:
    """The line between the matches."""
    if answer.threshold is None:
        return f'<div id="line" class="none">{escape(NO_THRESHOLD)}</div>'
    text = escape(str(answer.threshold))
    note = ' Re-ranked: scores do not fall along the list.' if rerank else ''
    return (f'<div id="line"><b>Above: same person?</b> {text}. <b>Below: '
            f'probably others.</b>{note} A score decides nothing about a '
            'person.</div>')


def build(page: SearchPage) -> gr.Blocks:
    """Lay the page out."""
    handlers = Handlers(page)
    with gr.Blocks(title='Person search', analytics_enabled=False,
                   delete_cache=CACHE) as blocks:
        query, above_ids, below_ids = (
            gr.State(None), gr.State([]), gr.State([]))
        gr.Markdown(f'## Person search\n{len(page.gallery):,} pictures')
        with gr.Row():
            with gr.Column(scale=1, min_width=240):
                picture = gr.Image(
                    label='Who? Drop a picture of one person',
                    sources=['upload'], type='filepath', image_mode=None,
                    height=280, buttons=[], elem_id='picture')
                # Gradio would open it, before SearchPage looks at its size,
                # and fetch it from anywhere, if it is a link.
                picture.preprocess = _path
                picture.async_move_resource_to_block_cache = no_link(
                    picture.async_move_resource_to_block_cache)
                camids = gr.CheckboxGroup(
                    [(f'{c}', c) for c in page.camids], label='Cameras (none '
                    'chosen = all)', visible=bool(page.camids),
                    elem_id='cameras')
                topk = gr.Slider(1, 100, 20, step=1, label='Matches')
                rerank = gr.Checkbox(label='Re-rank by neighbours')
                fmr = gr.Dropdown(
                    page.fmrs, value=next(iter(page.fmrs), None),
                    label='False-match rate of the threshold',
                    visible=len(page.fmrs) > 1)
            with gr.Column(scale=3, min_width=340):
                summary = gr.HTML(
                    'Drop a picture to search. A click on a match searches '
                    'for that match.', elem_id='summary')
                above = _gallery('above')
                line = gr.HTML(visible=False)
                below = _gallery('below')
        options = [camids, topk, rerank, fmr]
        outputs = [summary, above, above_ids, line, below, below_ids]
        hidden = dict(api_visibility='private', concurrency_id='model',
                      concurrency_limit=1)
        picture.upload(handlers.upload, [picture, *options],
                       [query, *outputs], **hidden)
        for shown, ids in ((above, above_ids), (below, below_ids)):
            shown.select(handlers.choose, [ids, *options],
                         [picture, query, *outputs], **hidden).then(
                             None, js=SCROLL_UP, api_visibility='private')
        for option in options:
            event = option.release if option is topk else option.input
            event(handlers.search, [query, *options], outputs, **hidden)
    return blocks


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
    theme = gr.themes.Default(font=FONTS, font_mono=('monospace', ))
    blocks = build(page).queue(api_open=False, max_size=32)
    print(f'the search page is at http://{host}:{port}, until Ctrl+C',
          flush=True)
    blocks.launch(
        server_name=host, server_port=port, share=False, inbrowser=False,
        max_file_size=MOST_UPLOAD, allowed_paths=[], state_session_capacity=50,
        ssr_mode=False, pwa=False, mcp_server=False, enable_monitoring=False,
        strict_cors=True, quiet=True, theme=theme, css=STYLE, footer_links=[],
        run_history=False, app_kwargs=dict(middleware=door(host)))
