// JupyterLab draws an output's PNG and leaves its metadata's `alt` unread. This renderer is JupyterLab's own and
// reads it. There is nothing to compile: the object below is what JupyterLab expects of a prebuilt extension.

const withAlternativeText = RenderedImage => class extends RenderedImage {
  async renderModel(model) {
    await super.renderModel(model);
    const words = model.metadata["image/png"]?.alt;
    if (typeof words === "string") this.node.querySelector("img").alt = words;
  }
};

const extension = RenderedImage => ({
  id: "dlcourse-alt:png",
  description: "Pictures with their alternative text",
  rendererFactory: {
    safe: true,
    mimeTypes: ["image/png"],
    createRenderer: options => new (withAlternativeText(RenderedImage))(options)
  },
  rank: 90, // as JupyterLab's own
  dataType: "string"
});

window._JUPYTERLAB = window._JUPYTERLAB || {};
window._JUPYTERLAB["dlcourse-alt"] = {
  init(shared) {
    this.shared = shared;
  },
  async get() {
    const [version] = Object.values(this.shared["@jupyterlab/rendermime"]);
    const { RenderedImage } = (await version.get())();
    return () => ({ __esModule: true, default: extension(RenderedImage) });
  }
};
