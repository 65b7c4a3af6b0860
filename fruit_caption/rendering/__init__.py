"""The scene renderer: draws fruit, look-alikes and backgrounds as photos with exact boxes."""
