"""Chat templates as the well-known models have them, and the special tokens that each names."""

CHATML = """\
{%- for message in messages %}
{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}
"""
CHATML_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")

LLAMA3 = """\
{% for message in messages -%}
{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'
   + message['content'] | trim + '<|eot_id|>' -%}
{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif -%}
{{ content -}}
{% endfor -%}
{% if add_generation_prompt -%}
{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif -%}
"""
LLAMA3_TOKENS = (
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
)

# No system role, and turn markers that are plain text.
MISTRAL = """\
{{ bos_token }}{% for message in messages %}
{% if message.role not in ['user', 'assistant'] %}
{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}
{% if message.role == 'user' %}{{ '[INST] ' + message.content + ' [/INST]' }}
{%- else %}{{ ' ' + message.content.strip() + eos_token }}{% endif %}
{% endfor %}
"""

GEMMA = """\
{{ bos_token }}
{%- if messages[0]['role'] == 'system' %}
{{- raise_exception('System role not supported') }}{% endif %}
{%- for message in messages %}
{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
{{- raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}
{%- endif %}
{%- set role = 'model' if message['role'] == 'assistant' else message['role'] %}
{{- '<start_of_turn>' + role + '\\n' + message['content'] | trim + '<end_of_turn>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}
"""
GEMMA_TOKENS = ("<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>")

PHI3 = """\
{% for message in messages %}
{% generation %}{{ '<|' + message['role'] + '|>\\n' + message['content'] + '<|end|>\\n' }}
{%- endgeneration %}
{% endfor %}
{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% else %}{{ eos_token }}{% endif %}
"""
PHI3_TOKENS = ("<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>")

# All turn markers are plain text; only BOS and EOS are special tokens.
VICUNA = """\
{{ bos_token }}{% if messages[0]['role'] == 'system' %}
{% set turns = messages[1:] %}{{ messages[0]['content'] + '\\n\\n' }}{% else %}
{% set turns = messages %}{% endif %}
{% for message in turns %}
{% if message['role'] == 'user' %}{{ 'USER: ' + message['content'] + '\\n' }}
{%- else %}{{ 'ASSISTANT: ' + message['content'] + eos_token + '\\n' }}{% endif %}
{% endfor %}
{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}
"""

# As published with Llama 2: what Meta's own format writes.
LLAMA2 = """\
{%- if messages[0]['role'] == 'system' %}{% set turns = messages[1:] %}
{%- set system = messages[0]['content'] %}{% else %}{% set turns = messages %}
{%- set system = false %}{% endif %}
{%- for message in turns %}
{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
{{- raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}
{%- endif %}
{%- if loop.index0 == 0 and system != false %}
{%- set content = '<<SYS>>\\n' + system + '\\n<</SYS>>\\n\\n' + message['content'] %}
{%- else %}{% set content = message['content'] %}{% endif %}
{%- if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}
{%- else %}{{ ' ' + content.strip() + ' ' + eos_token }}{% endif %}
{%- endfor %}
"""
# A fine-tune's: the space before the end of an answer is missing, as in many of them.
LLAMA2_LIKE = LLAMA2.replace("content.strip() + ' ' + eos_token", "content.strip() + eos_token")

# Templates of models that think, with the habits of Qwen3, DeepSeek-R1 and gpt-oss, and one that
# wants contents in parts.

# The thought has a field, or stands in the content; only answers after the last question keep it.
QWEN3 = """\
{%- set ns = namespace(last=0) %}
{%- for message in messages %}
{%- if message.role == 'user' and not message.content.startswith('<tool_response>') %}
{%- set ns.last = loop.index0 %}{% endif %}{% endfor %}
{%- for message in messages %}
{%- set content = message.content if message.content is string else '' %}
{%- if message.role == 'assistant' %}
{%- set thought = '' %}
{%- if message.reasoning_content is string %}{% set thought = message.reasoning_content %}
{%- elif '</think>' in content %}
{%- set thought = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
{%- set content = content.split('</think>')[-1].lstrip('\\n') %}{% endif %}
{%- if loop.index0 > ns.last %}
{{- '<|im_start|>assistant\\n<think>\\n' + thought.strip('\\n') + '\\n</think>\\n\\n' }}
{{- content.lstrip('\\n') }}
{%- else %}{{- '<|im_start|>assistant\\n' + content }}{% endif %}
{%- else %}{{- '<|im_start|>' + message.role + '\\n' + content }}{% endif %}
{{- '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}
{%- if enable_thinking is defined and enable_thinking is false %}
{{- '<think>\\n\\n</think>\\n\\n' }}{% endif %}{% endif %}
"""
QWEN3_TOKENS = (*CHATML_TOKENS, "<think>", "</think>")

# It cuts thoughts from contents, and opens the next one in the generation prompt.
R1 = """\
{{- bos_token }}
{%- for message in messages %}
{%- if message['role'] == 'system' %}{{- message['content'] }}{% endif %}
{%- if message['role'] == 'user' %}{{- '<|User|>' + message['content'] }}{% endif %}
{%- if message['role'] == 'assistant' %}{% set content = message['content'] %}
{%- if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}
{{- '<|Assistant|>' + content + '<|end|>' }}{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|Assistant|><think>\\n' }}{% endif %}
"""
R1_TOKENS = ("<|begin|>", "<|end|>", "<|User|>", "<|Assistant|>", "<think>", "</think>")

# A thought and an answer are messages in channels of their own.
HARMONY = """\
{{- '<|start|>system<|message|>Reasoning: ' + (reasoning_effort or 'medium') + '<|end|>' }}
{%- for message in messages %}
{%- if message.role == 'assistant' %}
{%- if '<|channel|>' in message.content %}
{{- raise_exception('The content holds a channel: pass the thought by itself.') }}{% endif %}
{%- if message.thinking and loop.last %}
{{- '<|start|>assistant<|channel|>analysis<|message|>' + message.thinking + '<|end|>' }}{% endif %}
{{- '<|start|>assistant<|channel|>final<|message|>' + message.content + '<|end|>' }}
{%- else %}
{{- '<|start|>' + ('developer' if message.role == 'system' else message.role) }}
{{- '<|message|>' + message.content + '<|end|>' }}{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|start|>assistant' }}{% endif %}
"""
HARMONY_TOKENS = ("<|return|>", "<|start|>", "<|end|>", "<|message|>", "<|channel|>")

# Contents are lists of parts.
PARTS = """\
{%- for message in messages %}
{{- '<|im_start|>' + message.role + '\\n' }}
{%- for part in message.content %}
{%- if part.type == 'text' %}{{- part.text | trim }}{% else %}{{- '<|image|>' }}{% endif %}
{%- endfor %}{{- '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{% endif %}
"""
