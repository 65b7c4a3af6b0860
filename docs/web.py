"""Takes the picture of the web page in docs/web.md: `python docs/web.py OUT`."""

import shutil
import sys
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

import fruit_caption as fc
from fruit_caption.web.samples import sample_questions
from fruit_caption.web.server import launch, page_url
from fruit_caption.web.service import Service

HOST, PORT = "127.0.0.1", 7899
SECONDS = 60
QUESTIONS = ("how many bananas are there?", "how many fruits are there?")


def main(out: Path) -> None:
    page = launch(Service(fc.load(), per_minute=100), sample_questions(), HOST, PORT)
    try:
        with webdriver.Chrome(options(), chromedriver()) as browser:
            ask(browser)
            browser.save_screenshot(str(out))
    finally:
        page.close(verbose=False)
    with Image.open(out) as picture:
        colors = picture.convert("RGB")
        dithered = colors.quantize(palette=colors.quantize(), dither=Image.Dither.FLOYDSTEINBERG)
    dithered.save(out, optimize=True)


def ask(browser: webdriver.Chrome) -> None:
    browser.get(f"{page_url(HOST, PORT)}/?__theme=light")
    wait_for(browser, "#samples .gallery-item")
    browser.find_element(By.CSS_SELECTOR, "#samples .gallery-item").click()
    wait_for(browser, "#answer .sentence")
    for number, question in enumerate(QUESTIONS, start=1):
        box = browser.find_element(By.CSS_SELECTOR, "#ask textarea, #ask input")
        box.send_keys(f"{question}\n")
        wait_for(browser, f"#history li:nth-child({number})")


def wait_for(browser: webdriver.Chrome, selector: str) -> None:
    WebDriverWait(browser, SECONDS).until(lambda b: b.find_elements(By.CSS_SELECTOR, selector))


def options() -> webdriver.ChromeOptions:
    chosen = webdriver.ChromeOptions()
    chosen.binary_location = shutil.which("chromium") or ""
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--hide-scrollbars",
        "--window-size=1280,800",
    ):
        chosen.add_argument(argument)
    return chosen


def chromedriver() -> webdriver.ChromeService:
    return webdriver.ChromeService(shutil.which("chromedriver"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
