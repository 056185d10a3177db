// A "Copy" button beside every command. Without this module the text can still be selected.

function addButton(block) {
  if (block.dataset.ready) return;
  block.dataset.ready = "yes";
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  const text = block.textContent;
  button.addEventListener("click", async () => {
    button.textContent = (await write(text)) ? "Copied" : "Select and copy by hand";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  const frame = document.createElement("div");
  frame.className = "copied";
  block.replaceWith(frame);
  frame.append(block, button);
}

// The clipboard is closed to pages that came over plain http from another machine.
async function write(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

export function addButtons(root = document) {
  root.querySelectorAll("[data-copy]").forEach(addButton);
}

addButtons();
