"""A headless browser, for tests of pages."""

import shutil
from contextlib import contextmanager

import pytest

FLAGS = ('--headless', '--no-sandbox', '--disable-gpu', '--disable-quic',
         '--no-first-run', '--disable-background-networking',
         '--disable-component-update', '--disable-sync',
         '--disable-dev-shm-usage')


def browser_paths() -> tuple:
    """Chromium and its driver; skips the test where one is missing."""
    pytest.importorskip('selenium', reason='selenium is not installed')
    browser = shutil.which('chromium') or shutil.which('google-chrome')
    driver = shutil.which('chromedriver')
    if not browser or not driver:
        pytest.skip('chromium or chromedriver is not installed')
    return browser, driver


@contextmanager
def open_browser(profile, size=(1280, 1000)):
    """A selenium driver of a headless browser that logs its requests.

    Args:
        profile (Path): empty folder.
        size (tuple[int, int]): width and height of the page, pixels.
    """
    browser, driver = browser_paths()
    from selenium import webdriver
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (*FLAGS, f'--user-data-dir={profile}'):
        options.add_argument(flag)
    options.set_capability('goog:loggingPrefs', {'performance': 'ALL'})
    opened = webdriver.Chrome(
        options, webdriver.ChromeService(executable_path=driver))
    try:
        resize(opened, size)
        yield opened
    finally:
        opened.quit()


def resize(browser, size) -> None:
    """Give the page a width and height, below the least of a window too."""
    browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', dict(
        width=size[0], height=size[1], deviceScaleFactor=1, mobile=False))
